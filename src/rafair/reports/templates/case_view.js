// Elements for cases. Texts become text nodes: nothing of a user's is ever parsed as HTML.

const LONGEST = 80;
const HEADERS = { clean: "as it was" };

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function whole(text) {
  return element("bdi", {}, text);
}

// A long name is cut where it would spoil the table, and whole in its title.
function named(text) {
  const characters = [...text];
  if (characters.length <= LONGEST) return whole(text);
  const short = `${characters.slice(0, LONGEST - 1).join("")}\u2026`;
  return element("bdi", { title: text }, short);
}

function cell(text, changed = false, span = 1) {
  const made = element("td", changed ? { class: "c" } : {}, whole(text));
  if (span > 1) made.colSpan = span;
  return made;
}

function caseRow(cases, index, button) {
  const text = (key) => cases.text(key, index);
  const verdict = text("verdict");
  const changed = element("td");
  cases.changed(index).forEach((feature, place) => {
    changed.append(place ? ", " : "", named(feature.name));
  });
  if (!changed.hasChildNodes()) changed.append("–");
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, button),
    element("td", {}, element("span", { class: `v v-${verdict.replace(" ", "-")}` }, verdict)),
    element("td", {}, text("before")),
    element("td", {}, named(text("attack"))),
    element("td", {}, String(cases.step[index])),
    element("td", {}, named(text("label"))),
    element("td", {}, named(text("prediction"))),
    element("td", {}, named(text("counterpart_prediction") || "–")),
    element("td", {}, text("repaired_verdict") || "–"),
    changed,
  );
}

function comparison(cases, index) {
  const kinds = cases.kinds(index);
  const head = element("tr", {}, element("th", { scope: "col" }, "Feature"));
  for (const kind of kinds) head.append(element("th", { scope: "col" }, HEADERS[kind] ?? kind));
  const verdicts = { clean: "before", perturbed: "verdict", repaired: "repaired_verdict" };
  const rows = kinds.map((kind) => cell(verdicts[kind] ? cases.text(verdicts[kind], index) : "–"));
  const verdictRow = element("tr", { class: "sum" }, rowHeader("verdict"), ...rows);
  const same = (feature) => kinds.every((kind) => feature[kind][index] === feature.clean[index]);
  const sorted = [
    ...cases.features.filter((feature) => !same(feature)),
    ...cases.features.filter(same),
  ];
  return element(
    "table",
    { class: "compared" },
    element("thead", {}, head),
    element(
      "tbody",
      {},
      verdictRow,
      predictionRow(cases, index, kinds),
      ...wholeRows(cases, index, kinds),
      ...sorted.map((feature) => featureRow(feature, index, kinds, same(feature))),
    ),
  );
}

function rowHeader(...children) {
  return element("th", { scope: "row" }, ...children);
}

function predictionRow(cases, index, kinds) {
  const predicted = (kind) => cases.text(PREDICTIONS[kind], index);
  const cells = kinds.map((kind) =>
    cell(predicted(kind), kind !== "clean" && predicted(kind) !== predicted(against(kind))),
  );
  return element("tr", { class: "sum" }, rowHeader("predicted class"), ...cells);
}

// What is of the whole case; the smallest budget that broke it is unknown to older runs.
function wholeRows(cases, index, kinds) {
  const told = [
    ["true class", cases.text("label", index)],
    ["found by", `${cases.text("attack", index)}, step ${cases.step[index]}`],
  ];
  const enough = cases.columns.has("smallest_epsilon") && cases.text("smallest_epsilon", index);
  if (enough) told.push(["smallest epsilon", enough]);
  return told.map(([name, text]) =>
    element("tr", { class: "sum" }, rowHeader(name), cell(text, false, kinds.length)),
  );
}

function featureRow(feature, index, kinds, same) {
  const header = rowHeader(whole(feature.name));
  if (feature.sensitive) header.append(element("i", {}, " sensitive"));
  const value = (kind) => feature.texts[feature[kind][index]];
  if (same) return element("tr", {}, header, cell(value("clean"), false, kinds.length));
  const differs = (kind) =>
    kind !== "clean" && feature[kind][index] !== feature[against(kind)][index];
  return element("tr", {}, header, ...kinds.map((kind) => cell(value(kind), differs(kind))));
}

// Perturbed values are compared with clean ones, all others with perturbed ones.
function against(kind) {
  return kind === "perturbed" ? "clean" : "perturbed";
}
