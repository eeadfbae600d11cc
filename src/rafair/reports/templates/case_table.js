// The table of cases: filters, sorting by column, pages, and a comparison that unfolds per case.

const PAGE = 50;
const PRINTED = 20;
const OTHER_CELL = "other";
const FILTERS = ["verdict", "before", "attack"];
const byId = (name) => document.getElementById(name);

class CaseTable {
  constructor(cases) {
    this.cases = cases;
    this.sorted = { key: "", descending: false };
    this.order = cases.ordered("", false);
    this.page = 0;
    this.columns = byId("case-table").tHead.rows[0].cells.length;
    this.addOptions();
    this.addSorting();
    this.listen();
    byId("case-controls").hidden = false;
    byId("case-pages").hidden = false;
    byId("cases-static").hidden = true;
    this.filter();
  }

  addOptions() {
    for (const key of FILTERS) {
      const used = this.cases.used(key);
      this.cases.columns.get(key).texts.forEach((text, code) => {
        if (used.has(code)) addOption(key, text, code);
      });
    }
    this.cases.features.forEach((feature, number) => {
      if (feature.isChanged.includes(1)) addOption("changed", feature.name, number);
    });
  }

  addSorting() {
    for (const header of byId("case-table").tHead.rows[0].cells) {
      const button = element("button", { type: "button" }, ...header.childNodes);
      button.addEventListener("click", () => this.sortBy(header));
      header.replaceChildren(button);
    }
  }

  listen() {
    byId("case-text").addEventListener("input", () => this.filter());
    for (const key of [...FILTERS, "changed"]) {
      byId(`case-${key}`).addEventListener("change", () => this.filter());
    }
    byId("case-reset").addEventListener("click", () => this.reset());
    byId("case-first").addEventListener("click", () => this.turn(0));
    byId("case-previous").addEventListener("click", () => this.turn(this.page - 1));
    byId("case-next").addEventListener("click", () => this.turn(this.page + 1));
    byId("case-last").addEventListener("click", () => this.turn(this.pages - 1));
  }

  reset() {
    byId("case-text").value = "";
    for (const key of [...FILTERS, "changed"]) byId(`case-${key}`).value = "";
    this.filter();
  }

  sortBy(header) {
    const key = header.dataset.key;
    const again = this.sorted.key === key;
    this.sorted = { key, descending: again && !this.sorted.descending };
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", this.sorted.descending ? "descending" : "ascending");
    byId("cases-caption").textContent = `Cases by ${header.textContent.replace("\u00ad", "")}`;
    this.order = this.cases.ordered(key, this.sorted.descending);
    this.filter();
  }

  filter() {
    const codes = new Map();
    for (const key of FILTERS) {
      const { value } = byId(`case-${key}`);
      if (value !== "" && value !== OTHER_CELL) codes.set(key, Number(value));
    }
    const newlyFound = byId("case-before").value === OTHER_CELL;
    const { value } = byId("case-changed");
    const changed = value === "" ? -1 : Number(value);
    const text = byId("case-text").value;
    this.shown = this.cases.matching(this.order, { codes, newlyFound, changed, text });
    this.turn(0);
  }

  get pages() {
    return Math.max(1, Math.ceil(this.shown.length / PAGE));
  }

  turn(page) {
    this.page = Math.min(Math.max(page, 0), this.pages - 1);
    const table = byId("case-table");
    const start = this.page * PAGE;
    const bodies = Array.from(this.shown.subarray(start, start + PAGE), (index) => this.body(index));
    for (const body of [...table.tBodies]) body.remove();
    table.append(...(bodies.length ? bodies : [this.nothing()]));
    this.say(start, bodies.length);
  }

  say(start, count) {
    const number = (value) => value.toLocaleString("en");
    const all = number(this.cases.size);
    const found = number(this.shown.length);
    const range = `${number(start + 1)} to ${number(start + count)}`;
    byId("case-status").textContent = count
      ? `${found} of ${all} cases fit; shown are ${range}.`
      : `None of ${all} cases fits.`;
    byId("case-page").textContent = `Page ${number(this.page + 1)} of ${number(this.pages)}`;
    for (const name of ["first", "previous"]) disable(`case-${name}`, this.page === 0);
    for (const name of ["next", "last"]) disable(`case-${name}`, this.page === this.pages - 1);
  }

  nothing() {
    const text = "No case fits these filters. Clear them to see all cases again.";
    return element("tbody", {}, element("tr", {}, element("td", { colspan: this.columns }, text)));
  }

  body(index) {
    const row = this.cases.instance[index];
    const button = element(
      "button",
      { type: "button", class: "unfold", "aria-expanded": "false" },
      String(row),
      element("span", { class: "unseen" }, ": compare"),
    );
    const body = element("tbody", {}, caseRow(this.cases, index, button));
    button.addEventListener("click", () => this.unfold(body, button, index));
    return body;
  }

  unfold(body, button, index) {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) {
      body.rows[1].remove();
      return;
    }
    const inner = element("td", { colspan: this.columns }, comparison(this.cases, index));
    body.append(element("tr", { class: "detail" }, inner));
  }
}

// A button that has the focus keeps it: it says that it does nothing, and does nothing.
function disable(name, disabled) {
  byId(name).setAttribute("aria-disabled", String(disabled));
}

function addOption(key, text, value) {
  byId(`case-${key}`).append(element("option", { value }, text));
}

async function start() {
  if (!byId("case-table")) return;
  try {
    new CaseTable(await readCases());
  } catch (error) {
    byId("case-status").textContent =
      `All cases could not be shown here (${error.message}); the first ones are below.`;
  }
}

// Paper cannot be unfolded: what is printed is open meanwhile.
function openForPrint() {
  const details = [...document.querySelectorAll("details:not([open])")];
  const rows = [...document.querySelectorAll('.unfold[aria-expanded="false"]')].slice(0, PRINTED);
  const switchAll = (open) => {
    for (const one of details) one.open = open;
    for (const button of rows) button.click();
  };
  switchAll(true);
  window.addEventListener("afterprint", () => switchAll(false), { once: true });
}

window.addEventListener("beforeprint", openForPrint);
start();
