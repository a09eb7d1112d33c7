// Several statements in one message with one Sync: one transaction and one round trip, through PgBouncer too.

/**
 * @typedef {{ text: string, values: ReadonlyArray<string | null> }} Statement
 * @typedef {ReadonlyArray<string | null>} Row columns as text
 */

/** A query object of its own kind for `pg`, as pg-cursor is one: `client.query(pipeline)`. */
export class Pipeline {
  /** @type {Row[][]} */
  #results = [];
  /** @type {Row[]} */
  #rows = [];
  #statements;

  /** @param {ReadonlyArray<Statement>} statements */
  constructor(statements) {
    this.#statements = statements;
    /** @type {(results: Row[][]) => void} */
    this.resolve = () => {};
    /** @type {(error: Error) => void} */
    this.reject = () => {};
    /**
     * The rows of each statement.
     * @type {Promise<Row[][]>}
     */
    this.results = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  /** @param {any} connection of `pg`; its types do not show it */
  submit(connection) {
    connection.stream.cork();
    for (const { text, values } of this.#statements) {
      connection.parse({ text, name: "", types: [] });
      connection.bind({ portal: "", statement: "", binary: false, values, valueMapper: (/** @type {any} */ v) => v });
      connection.describe({ type: "P", name: "" });
      connection.execute({ portal: "", rows: 0 });
    }
    connection.sync();
    process.nextTick(() => connection.stream.uncork());
  }

  handleRowDescription() {}

  /** @param {{ fields: Row }} message */
  handleDataRow(message) {
    this.#rows.push(message.fields);
  }

  handleCommandComplete() {
    this.#results.push(this.#rows);
    this.#rows = [];
  }

  handleEmptyQuery() {}

  handlePortalSuspended() {}

  /** @param {Error} error */
  handleError(error) {
    this.reject(error);
  }

  handleReadyForQuery() {
    this.resolve(this.#results);
  }
}
