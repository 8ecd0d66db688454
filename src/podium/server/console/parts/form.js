// A form of what a JSON Schema describes. What is wrong with an answer the hub says, field by field.

import { html, useEffect, useState } from "../lib/ui.js";

const LONG = 200;
const MISSING = /^"(.+)" is a required property$/;

/** What a form begins with: what its schema has as defaults. */
export function beginning(schema, root = schema) {
  const one = plain(schema, root);
  if (one.default !== undefined) return one.default;
  if (one.const !== undefined) return one.const;
  if (one.type === "object" && one.properties) {
    const found = Object.entries(one.properties).map(([name, member]) => [name, beginning(member, root) ?? (isRequired(one, name) && plain(member, root).type === "boolean" ? false : undefined)]);
    return Object.fromEntries(found.filter(([, value]) => value !== undefined));
  }
  return undefined;
}

/** Problems of an answer by the field that they are about: by JSON pointer, "" for the form as a whole. */
export function placed(problems, under = "/data") {
  const found = new Map();
  for (const { path, message } of problems) {
    if (path !== under && !path.startsWith(`${under}/`)) continue;
    const missing = MISSING.exec(message);
    const place = path.slice(under.length) + (missing ? `/${missing[1].replaceAll("~", "~0").replaceAll("/", "~1")}` : "");
    found.set(place, [...(found.get(place) ?? []), missing ? "this is needed" : message]);
  }
  return found;
}

/** The fields of a schema. Problems that are about no field of it stand above them. */
export function Form({ schema, value, onChange, wrong }) {
  return html`<div class="form"><${Field} name="" schema=${schema} root=${schema} value=${value} onChange=${onChange} wrong=${wrong} path="" needed /></div>`;
}

const isRequired = (schema, name) => (schema.required ?? []).includes(name);
const idOf = (path) => `field${path.replace(/[^\w]/g, "-")}`;

/** A schema without references within the document, and with one type. */
function plain(schema, root) {
  let one = typeof schema === "object" && schema ? schema : {};
  for (let depth = 0; one.$ref?.startsWith("#/") && depth < 20; depth += 1) {
    one = one.$ref.slice(2).split("/").reduce((part, name) => part?.[name.replaceAll("~1", "/").replaceAll("~0", "~")], root) ?? {};
  }
  const types = [one.type ?? []].flat().filter((type) => type !== "null");
  return { ...one, type: types.length === 1 ? types[0] : types.length ? undefined : one.properties ? "object" : undefined };
}

function Field({ name, schema, root, value, onChange, wrong, path, needed }) {
  const one = plain(schema, root);
  const told = wrong.get(path) ?? [];
  const id = idOf(path);
  const says = [one.description && `${id}-about`, told.length && `${id}-wrong`].filter(Boolean).join(" ");
  const marks = { id, "aria-describedby": says || undefined, "aria-invalid": told.length ? "true" : undefined, "aria-required": needed ? "true" : undefined };
  const label = html`${one.title ?? name}${!needed && html` <span class="dim">(may be left out)</span>`}`;
  const about = html`${one.description && html`<small id=${`${id}-about`}>${one.description}</small>`}${told.length > 0 && html`<small class="is-bad" id=${`${id}-wrong`}>${told.join("; ")}</small>`}`;
  if (one.type === "object" && one.properties) {
    const fields = Object.entries(one.properties).map(([member, inner]) => html`<${Field} key=${member} name=${member} schema=${inner} root=${root} value=${value?.[member]} wrong=${wrong}
      path=${`${path}/${member.replaceAll("~", "~0").replaceAll("/", "~1")}`} needed=${isRequired(one, member)} onChange=${(next) => onChange(without({ ...value, [member]: next }))} />`);
    return path ? html`<fieldset><legend>${label}</legend>${about}${fields}</fieldset>` : html`${about}${fields}`;
  }
  if (one.type === "boolean") {
    return html`<label class="check"><input type="checkbox" ...${marks} checked=${value === true} onChange=${(event) => onChange(event.target.checked)} /><span>${one.title ?? name}</span></label>${about}`;
  }
  return html`<label class="field" for=${id}><span>${label}</span></label><${Control} one=${one} value=${value} onChange=${onChange} marks=${marks} needed=${needed} />${about}`;
}

function Control({ one, value, onChange, marks, needed }) {
  if (one.const !== undefined) return html`<input ...${marks} readonly value=${String(one.const)} />`;
  if (one.enum) {
    const place = one.enum.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value));
    return html`<select ...${marks} onChange=${(event) => onChange(one.enum[event.target.value])}>
      ${(place < 0 || !needed) && html`<option value="" selected=${place < 0}>${needed ? "choose …" : "–"}</option>`}
      ${one.enum.map((choice, index) => html`<option value=${index} selected=${index === place}>${typeof choice === "string" ? choice : JSON.stringify(choice)}</option>`)}</select>`;
  }
  if (one.type === "number" || one.type === "integer") {
    return html`<input ...${marks} inputmode=${one.type === "integer" ? "numeric" : "decimal"} size="16" value=${value ?? ""} onInput=${(event) => onChange(number(event.target.value))} />`;
  }
  if (one.type === "string") {
    const write = (event) => onChange(event.target.value === "" ? undefined : event.target.value);
    if ((one.maxLength ?? 0) > LONG) return html`<textarea ...${marks} rows="3" value=${value ?? ""} onInput=${write} />`;
    return html`<input ...${marks} type=${TYPES[one.format] ?? "text"} value=${value ?? ""} onInput=${write} />`;
  }
  if (one.type === "array" && one.items?.type === "string" && !one.items.enum) {
    return html`<textarea ...${marks} rows="3" placeholder="one a line" value=${(value ?? []).join("\n")} onInput=${(event) => onChange(event.target.value === "" ? undefined : event.target.value.split("\n"))} />`;
  }
  return html`<${Raw} value=${value} onChange=${onChange} marks=${marks} />`;
}

const TYPES = { date: "date", email: "email", uri: "url", time: "time" };

/** Whatever has no field of its own is written as JSON; text that is none is sent as it is, for the hub to refuse. */
function Raw({ value, onChange, marks }) {
  const [text, setText] = useState(value === undefined ? "" : JSON.stringify(value, null, 2));
  useEffect(() => {
    if (value === undefined) setText("");
  }, [value === undefined]);
  const write = (event) => {
    setText(event.target.value);
    try {
      onChange(event.target.value.trim() ? JSON.parse(event.target.value) : undefined);
    } catch {
      onChange(event.target.value);
    }
  };
  return html`<textarea class="mono" rows="4" placeholder="JSON" ...${marks} value=${text} onInput=${write} />`;
}

const number = (text) => (text.trim() === "" ? undefined : Number.isFinite(Number(text)) ? Number(text) : text);

const without = (value) => Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
