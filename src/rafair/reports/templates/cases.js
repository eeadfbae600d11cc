// The cases as columns of codes, unpacked from the page's data block, filtered and sorted.
// Names and values are a user's: they are only ever elements of arrays, never keys of objects.

const COMPARED = ["clean", "perturbed", "counterpart", "repaired"];

async function readCases() {
  const block = JSON.parse(document.getElementById("case-data").textContent);
  return new Cases(block.gzip === undefined ? block : JSON.parse(await unpacked(block.gzip)));
}

async function unpacked(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

// One code for all cases stands for a column that is the same everywhere.
function codesOf(codes, size) {
  return Array.isArray(codes) ? Int32Array.from(codes) : new Int32Array(size).fill(codes);
}

// Where a code is -1, the value is that of another column.
function elseThoseOf(codes, others) {
  return codes.map((code, index) => (code === -1 ? others[index] : code));
}

class Cases {
  constructor(block) {
    this.size = block.instance.length;
    this.instance = Int32Array.from(block.instance);
    this.step = Int32Array.from(block.step);
    this.columns = new Map(
      Object.entries(block.columns).map(([key, column]) => [
        key,
        { texts: column.texts, codes: codesOf(column.codes, this.size) },
      ]),
    );
    this.features = block.features.map((feature) => this.feature(feature));
    this.isNew = Uint8Array.from({ length: this.size }, (_, index) =>
      Number(this.text("verdict", index) !== this.text("before", index)),
    );
    this.changes = Int32Array.from({ length: this.size }, (_, index) =>
      this.features.reduce((count, feature) => count + feature.isChanged[index], 0),
    );
  }

  feature({ name, sensitive, texts, ...columns }) {
    const [clean, moved, other, mended] = COMPARED.map((kind) => codesOf(columns[kind], this.size));
    const perturbed = elseThoseOf(moved, clean);
    return {
      name,
      sensitive,
      texts,
      isChanged: Uint8Array.from(moved, (code) => code !== -1),
      clean,
      perturbed,
      counterpart: elseThoseOf(other, perturbed),
      repaired: elseThoseOf(mended, perturbed),
    };
  }

  text(key, index) {
    const column = this.columns.get(key);
    const code = column.codes[index];
    return code === -1 ? "" : column.texts[code];
  }

  // What a case was compared with: counterparts and repairs are not there for all.
  kinds(index) {
    return COMPARED.filter((kind) => this.text(PREDICTIONS[kind], index) !== "");
  }

  changed(index) {
    return this.features.filter((feature) => feature.isChanged[index]);
  }

  // The codes of a column that some case has.
  used(key) {
    return new Set(this.columns.get(key).codes);
  }

  // The cases that fit, in the order that is given.
  matching(order, wanted) {
    const chosen = [...this.columns]
      .filter(([key]) => wanted.codes.has(key))
      .map(([key, { codes }]) => [codes, wanted.codes.get(key)]);
    const changed = this.features[wanted.changed];
    const found = this.containing(wanted.text);
    return order.filter(
      (index) =>
        chosen.every(([codes, code]) => codes[index] === code) &&
        (!wanted.newlyFound || this.isNew[index]) &&
        (!changed || changed.isChanged[index]) &&
        (!found || found[index]),
    );
  }

  // For each case, whether one of its values holds the text; null where all do.
  containing(text) {
    const sought = text.trim().toLowerCase();
    if (!sought) return null;
    const found = new Uint8Array(this.size);
    const mark = (texts, ...columns) => {
      const hits = Uint8Array.from(texts, (value) => value.toLowerCase().includes(sought));
      if (!hits.includes(1)) return;
      for (const codes of columns) {
        for (let index = 0; index < found.length; index++) found[index] |= hits[codes[index]];
      }
    };
    for (const { texts, codes } of this.columns.values()) mark(texts, codes);
    for (const feature of this.features) {
      mark(feature.texts, ...COMPARED.map((kind) => feature[kind]));
    }
    this.instance.forEach((row, index) => {
      if (String(row) === sought) found[index] = 1;
    });
    return found;
  }

  // All cases in the order of a column; those that are alike stay as they were.
  ordered(key, descending) {
    const ranks = this.ranks(key);
    const sign = descending ? -1 : 1;
    const order = Int32Array.from({ length: this.size }, (_, index) => index);
    return key ? order.sort((one, other) => sign * (ranks[one] - ranks[other])) : order;
  }

  ranks(key) {
    if (key === "instance") return this.instance;
    if (key === "step") return this.step;
    if (key === "changed") return this.changes;
    const { texts, codes } = this.columns.get(key) ?? { texts: [], codes: [] };
    const collator = new Intl.Collator("en", { numeric: true });
    const sorted = texts.map((_, code) => code);
    sorted.sort((one, other) => collator.compare(texts[one], texts[other]));
    const rank = new Int32Array(texts.length);
    sorted.forEach((code, place) => (rank[code] = place));
    // what a case has not stands last
    return Int32Array.from(codes, (code) => (code === -1 ? texts.length : rank[code]));
  }
}

const PREDICTIONS = {
  clean: "clean_prediction",
  perturbed: "prediction",
  counterpart: "counterpart_prediction",
  repaired: "repaired_prediction",
};
