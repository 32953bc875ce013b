/** Hands over what comes in one go at most every `pause` milliseconds; what comes alone without delay. */
export class Batches<T> {
  #waiting: T[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastTime = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly pause: number,
    private readonly handOver: (batch: T[]) => void,
  ) {}

  add(item: T): void {
    this.#waiting.push(item);
    this.#timer ??= setTimeout(() => this.#flush(), Math.max(0, this.#lastTime + this.pause - Date.now()));
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#waiting = [];
  }

  #flush(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#timer = undefined;
    this.#lastTime = Date.now();
    this.handOver(batch);
  }
}
