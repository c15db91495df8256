// The questions of a kind of hazard: shown, read, and shown only where they apply.
import { language, say } from "./words.js";

const NUMBERS = { integer: "1", decimal: "any" };

export async function load() {
  return (await fetch("/observations/questions.json")).json();
}

function element(tag, values = {}, ...children) {
  const made = Object.assign(document.createElement(tag), values);
  made.append(...children);
  return made;
}

function field(asked) {
  if (asked.type === "select_one") {
    const options = (asked.choices ?? []).map(([value, label]) => element("option", { value, textContent: label[language] }));
    const empty = element("option", { value: "", textContent: say("choose") });
    return element("select", { name: asked.name, required: Boolean(asked.required) }, empty, ...options);
  }
  const kind = asked.type in NUMBERS ? "number" : asked.type === "dateTime" ? "datetime-local" : "text";
  return element("input", { name: asked.name, type: kind, step: NUMBERS[asked.type] ?? "", required: Boolean(asked.required), dir: "auto" });
}

function block(asked) {
  const hint = asked.hint ? [element("span", { className: "soft", textContent: asked.hint[language] })] : [];
  if (asked.type !== "select_multiple") return element("label", {}, asked.label[language], ...hint, field(asked));
  const boxes = asked.choices.map(([value, label]) =>
    element("label", { className: "choice" }, element("input", { type: "checkbox", name: asked.name, value }), label[language]));
  return element("fieldset", {}, element("legend", { textContent: asked.label[language] }), ...hint, ...boxes);
}

export function show(place, questions) {
  const shown = questions.filter((asked) => asked.label && asked.type !== "calculate").map((asked) => [asked, block(asked)]);
  place.replaceChildren(...shown.map(([, made]) => made));
  const refresh = () => {
    for (const [asked, made] of shown) {
      const hidden = !applies(asked.relevant, answers(place, questions, false));
      made.hidden = hidden;
      for (const input of made.querySelectorAll("input, select")) input.disabled = hidden;
    }
  };
  place.onchange = refresh;
  refresh();
}

// As the device's clock shows it, to the minute.
export function local(date) {
  return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

// What was there without an answer is not made to get one by who corrects something else.
export function fill(place, given, isCorrection) {
  for (const input of place.querySelectorAll("input, select")) {
    const value = given[input.name];
    if (input.type === "checkbox") input.checked = (value ?? []).includes(input.value);
    else if (value !== undefined && value !== null) {
      const unknown = input.tagName === "SELECT" && ![...input.options].some((one) => one.value === String(value));
      if (unknown) input.append(element("option", { value, textContent: value })); // of another tool, or an older form
      input.value = input.type === "datetime-local" ? local(new Date(value)) : value;
    } else if (isCorrection) input.required = false;
  }
  place.onchange();
}

// The two conditions that our forms use: ${a} = 'x' (or !=) and selected(${a}, 'x').
function applies(condition, given) {
  const equal = /^\$\{(\w+)\} (!?=) '(\w*)'$/.exec(condition ?? "");
  if (equal) return (given[equal[1]] === equal[3]) === (equal[2] === "=");
  const chosen = /^selected\(\$\{(\w+)\}, '(\w+)'\)$/.exec(condition ?? "");
  return chosen ? (given[chosen[1]] ?? []).includes(chosen[2]) : true;
}

export function answers(place, questions, calculated = true) {
  const given = {};
  for (const asked of questions) {
    const inputs = [...place.querySelectorAll(`[name="${asked.name}"]`)].filter((input) => !input.disabled);
    const value = read(asked, inputs);
    if (value !== undefined) given[asked.name] = value;
  }
  if (calculated) for (const asked of questions.filter((one) => one.type === "calculate")) calculate(asked, given);
  return given;
}

function read(asked, inputs) {
  if (asked.type === "select_multiple") {
    const chosen = inputs.filter((input) => input.checked).map((input) => input.value);
    return chosen.length ? chosen : undefined;
  }
  const text = inputs[0]?.value.trim();
  if (!text) return undefined;
  if (asked.type === "dateTime") return new Date(text).toISOString(); // the device knows its time zone, the server does not
  return asked.type in NUMBERS ? Number(text) : text;
}

// A constant, the number of questions that were answered, or the sum of answers.
function calculate(asked, given) {
  const constant = /^'(\w+)'$/.exec(asked.calculation);
  const counted = [...asked.calculation.matchAll(/if\(\$\{(\w+)\} != '', 1, 0\)/g)].filter((found) => given[found[1]]);
  if (constant) given[asked.name] = constant[1];
  else if (counted.length) given[asked.name] = counted.length;
  else {
    const parts = [...asked.calculation.matchAll(/coalesce\(\$\{(\w+)\}, 0\)/g)].map((found) => given[found[1]]).filter(Boolean);
    if (parts.length) given[asked.name] = parts.reduce((sum, part) => sum + Number(part), 0);
  }
}
