// What differs between two values, line by line of their JSON.

const LINES_MAX = 3_000;
const AROUND = 1;

const written = (value) => (value === undefined ? [] : (typeof value === "string" ? value : JSON.stringify(sorted(value), null, 2)).split("\n"));

/** The same value with its members in order, so that only what differs differs. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (!value || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]));
}

/** Lines as `{sign, text}`: `-` was, `+` is, ` ` is as it was, `…` stands for many of these. */
export function differing(before, after) {
  const [old, fresh] = [written(before), written(after)];
  let head = 0;
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < fresh.length - head && old.at(-1 - tail) === fresh.at(-1 - tail)) tail += 1;
  const middle = common(old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail));
  const same = (lines) => lines.map((text) => ({ sign: " ", text }));
  return folded([...same(old.slice(0, head)), ...middle, ...same(old.slice(old.length - tail))]);
}

/** The longest common subsequence; of what is too long everything is taken for different. */
function common(old, fresh) {
  const gone = (text) => ({ sign: "-", text });
  const come = (text) => ({ sign: "+", text });
  if (old.length * fresh.length > LINES_MAX * LINES_MAX) return [...old.map(gone), ...fresh.map(come)];
  const width = fresh.length + 1;
  const length = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = fresh.length - 1; j >= 0; j -= 1) {
      length[i * width + j] = old[i] === fresh[j] ? length[(i + 1) * width + j + 1] + 1 : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
    }
  }
  const found = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < fresh.length) {
    if (i < old.length && j < fresh.length && old[i] === fresh[j]) {
      found.push({ sign: " ", text: old[i] });
      i += 1;
      j += 1;
    } else if (i < old.length && (j >= fresh.length || length[(i + 1) * width + j] >= length[i * width + j + 1])) found.push(gone(old[i++]));
    else found.push(come(fresh[j++]));
  }
  return found;
}

/** Long stretches in which nothing differs stand as one line. */
function folded(lines) {
  const near = lines.map(() => false);
  lines.forEach((line, at) => {
    if (line.sign !== " ") for (let place = Math.max(at - AROUND, 0); place <= Math.min(at + AROUND, lines.length - 1); place += 1) near[place] = true;
  });
  const found = [];
  let many = 0;
  lines.forEach((line, at) => {
    if (!near[at]) {
      many += 1;
      return;
    }
    if (many) found.push({ sign: "…", text: `${many} as before` });
    many = 0;
    found.push(line);
  });
  if (many && found.length) found.push({ sign: "…", text: `${many} as before` });
  return found;
}
