// What this worker hosts: by `name@version` the contract of each capability, and a function for it.
const text = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };

export const agents = {
  "wordsmith@1.0.0": {
    capabilities: [
      { name: "text.reverse", input: text, output: text },
      { name: "text.headline", input: text, output: text },
    ],
    perform: {
      "text.reverse": ({ text }) => ({ text: [...text].reverse().join("") }),
      "text.headline": async ({ text }, context) => {
        await context.log(`has ${text.length} characters reversed`);
        const reversed = await context.call("text.reverse", { text }); // through the hub, as whoever offers it
        return { text: reversed.text.toUpperCase() };
      },
    },
  },
};
