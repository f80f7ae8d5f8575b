// Renders the contract. Builds elements and sets text; never turns a string into markup.
"use strict";

const METHODS = ["get", "post", "put", "patch", "delete"];
// A schema that names itself would go on for ever; nobody reads deeper than this.
const DEPTH_MAX = 6;

let contract;

fetch("/openapi.json")
  .then((response) => (response.ok ? response.json() : Promise.reject(new Error(`HTTP ${response.status}`))))
  .then((document_) => { contract = document_; render(); })
  .catch((error) => {
    byId("operations").replaceChildren(element("p", {}, `The contract could not be loaded: ${error.message}`));
  });

function render() {
  byId("about").replaceChildren(
    element("h1", {}, contract.info.title),
    element("p", { class: "muted" }, `Version ${contract.info.version}, OpenAPI ${contract.openapi}. `,
      link("/openapi.json", "openapi.json"), " · ", link("/problems", "problems")),
    ...prose(contract.info.description || ""));
  const tags = byTag();
  byId("operations").replaceChildren(...[...tags].map(([tag, operations]) => section(tag, operations)));
  byId("contents").replaceChildren(...[...tags].map(([tag, operations]) => contents(tag, operations)));
  byId("filter").addEventListener("input", (event) => filter(event.target.value));
  if (location.hash) document.querySelector(location.hash)?.scrollIntoView();
}

function byTag() {
  const tags = new Map();
  for (const [path, item] of Object.entries(contract.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (!operation) continue;
      const tag = (operation.tags && operation.tags[0]) || "other";
      if (!tags.has(tag)) tags.set(tag, []);
      tags.get(tag).push({ path, method, operation });
    }
  }
  return tags;
}

function contents(tag, operations) {
  const entries = operations.map(({ path, method, operation }) =>
    element("li", { "data-search": searchText(path, method, operation) },
      link(`#${operation.operationId}`, element("span", { class: `method ${method}` }, method.toUpperCase()), " ", path)));
  return element("div", {}, element("h2", {}, tag), element("ul", {}, ...entries));
}

function section(tag, operations) {
  return element("section", {}, element("h2", {}, tag), ...operations.map(article));
}

function article({ path, method, operation }) {
  const parameters = (operation.parameters || []).map(resolve);
  return element("article", { id: operation.operationId, "data-search": searchText(path, method, operation) },
    element("h3", {}, element("span", { class: `method ${method}` }, method.toUpperCase()), " ", element("code", {}, path)),
    element("p", {}, operation.summary || ""),
    ...prose(operation.description || ""),
    facts(operation),
    parameters.length ? part("Parameters", table(parameters)) : "",
    operation.requestBody ? part("Body", ...bodies(resolve(operation.requestBody).content)) : "",
    part("Answers", ...Object.entries(operation.responses || {}).map(answer)));
}

function facts(operation) {
  const audit = operation["x-odyssey-audit"] || {};
  const rows = [
    ["Operation", operation.operationId],
    ["Permission", operation["x-odyssey-permission"] || "open to anybody"],
    ["Audit", audit.event || (audit.none && `none: ${audit.none}`) || ""],
    ["Idempotency-Key", operation["x-odyssey-idempotency-key"] ? "required" : "not used"],
    ["Rate class", operation["x-odyssey-rate-class"]],
    ["Personal or health data", operation["x-odyssey-phi"] ? "disclosed" : "none"],
  ];
  return element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}

function table(parameters) {
  const rows = parameters.map((parameter) => element("tr", {},
    element("td", {}, element("code", {}, parameter.name), parameter.required ? element("span", { class: "required" }, " required") : ""),
    element("td", {}, parameter.in),
    element("td", {}, typeName(parameter.schema || {})),
    element("td", {}, parameter.description || "")));
  return element("table", {}, element("tbody", {}, ...rows));
}

function answer([status, reference]) {
  const response = resolve(reference);
  const schemas = reference.$ref ? [] : bodies(response.content || {});
  return element("details", {}, element("summary", {}, element("strong", {}, status), " ", response.description || ""), ...schemas);
}

function bodies(content) {
  return Object.entries(content || {}).map(([mediaType, media]) =>
    element("div", {}, element("p", { class: "muted" }, mediaType), schemaView(media.schema || {}, 0)));
}

function schemaView(schema, depth) {
  const whole = resolve(schema);
  if (depth >= DEPTH_MAX) return element("p", { class: "muted" }, "…");
  if (whole.type === "array" || (Array.isArray(whole.type) && whole.type.includes("array"))) {
    return element("div", {}, element("p", { class: "muted" }, "a list of"), schemaView(whole.items || {}, depth + 1));
  }
  const alternatives = whole.oneOf || whole.anyOf || whole.allOf;
  if (alternatives) {
    const word = whole.oneOf ? "one of" : whole.anyOf ? "any of" : "all of";
    return element("div", {}, element("p", { class: "muted" }, word), ...alternatives.map((one) => schemaView(one, depth + 1)));
  }
  if (!whole.properties) return element("p", {}, typeName(schema), " ", element("span", { class: "muted" }, whole.description || ""));
  const required = new Set(whole.required || []);
  return element("ul", { class: "schema" }, ...Object.entries(whole.properties).map(([name, property]) =>
    propertyView(name, property, required.has(name), depth)));
}

function propertyView(name, property, required, depth) {
  const whole = resolve(property);
  const nested = nestedSchema(property);
  const line = [element("code", {}, name), " ", element("span", { class: "type" }, typeName(property)),
    required ? element("span", { class: "required" }, " required") : "",
    " ", element("span", { class: "muted" }, property.description || whole.description || "")];
  if (!nested) return element("li", {}, ...line);
  return element("li", {}, element("details", {}, element("summary", {}, ...line), schemaView(nested, depth + 1)));
}

function nestedSchema(schema) {
  const whole = resolve(schema);
  if (whole.properties) return whole;
  if (whole.items) return nestedSchema(whole.items);
  const alternative = (whole.oneOf || whole.anyOf || whole.allOf || []).find((one) => nestedSchema(one));
  return alternative && whole;
}

function typeName(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  const alternatives = schema.oneOf || schema.anyOf || schema.allOf;
  if (alternatives) return alternatives.map(typeName).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const types = [].concat(schema.type || "any");
  const named = types.map((type) => (type === "array" ? `[${typeName(schema.items || {})}]` : type)).join(" | ");
  const bounds = [schema.minimum, schema.maximum].some((bound) => bound !== undefined)
    ? ` ${schema.minimum ?? ""}…${schema.maximum ?? ""}` : "";
  return named + (schema.format ? ` (${schema.format})` : "") + bounds;
}

function resolve(schema) {
  let found = schema;
  for (let hops = 0; found && found.$ref && hops < 8; hops += 1) {
    found = found.$ref.slice(2).split("/").reduce((at, key) => at && at[key.replaceAll("~1", "/").replaceAll("~0", "~")], contract);
  }
  return found || {};
}

// Paragraphs, lists with "* ", `code` and **bold**: what our descriptions use.
function prose(text) {
  return text.split(/\n\n|\n(?=\* )/).map((paragraph) => {
    const words = paragraph.replace(/^\* /, "").replace(/\s+/g, " ").split(/(`[^`]*`|\*\*[^*]*\*\*)/);
    return element(paragraph.startsWith("* ") ? "li" : "p", {}, ...words.map(word));
  });
}

function word(text) {
  if (text.startsWith("`")) return element("code", {}, text.slice(1, -1));
  if (text.startsWith("**")) return element("strong", {}, text.slice(2, -2));
  return text;
}

function filter(text) {
  const wanted = text.trim().toLowerCase();
  for (const node of document.querySelectorAll("[data-search]")) node.hidden = !node.dataset.search.includes(wanted);
}

function searchText(path, method, operation) {
  return [method, path, operation.operationId, operation.summary, operation["x-odyssey-permission"]].join(" ").toLowerCase();
}

function part(title, ...children) {
  return element("div", {}, element("h4", {}, title), ...children);
}

function link(href, ...children) {
  return element("a", { href }, ...children);
}

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function byId(id) {
  return document.getElementById(id);
}
