/** One clock for everything on the page that tells of the present: it ticks each second while somebody listens. */
class Clock {
  readonly #listeners = new Set<() => void>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #now = new Date();

  readonly now = (): Date => {
    // Of what is drawn between two ticks everything has the same time.
    if (this.#timer === undefined) {
      this.#now = new Date();
    }
    return this.#now;
  };

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(this.#tick, 1_000);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) {
        clearInterval(this.#timer);
        this.#timer = undefined;
      }
    };
  };

  readonly #tick = () => {
    this.#now = new Date();
    for (const listener of this.#listeners) {
      listener();
    }
  };
}

export const clock = new Clock();
