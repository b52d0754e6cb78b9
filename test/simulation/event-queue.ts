/** Something that happens at a time. */
export interface QueuedEvent {
  readonly atMs: number;
  /** Decides between events of the same time: first queued, first run. */
  readonly order: number;
}

/** Events in the order of their times; a binary heap. */
export interface EventQueue<E extends QueuedEvent> {
  readonly size: number;
  push(event: E): void;
  /** The earliest event, which stays. */
  peek(): E | undefined;
  /** Takes the earliest event. */
  pop(): E | undefined;
}

/** Makes an empty queue. */
export function createEventQueue<E extends QueuedEvent>(): EventQueue<E> {
  const heap: E[] = [];
  const isBefore = (one: E, other: E) =>
    one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);

  const siftUp = (event: E): void => {
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = event;
  };
  const siftDown = (event: E): void => {
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      const right = heap[childAt + 1];
      if (child === undefined) break;
      if (right !== undefined && isBefore(right, child)) {
        child = right;
        childAt += 1;
      }
      if (!isBefore(child, event)) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = event;
  };

  return {
    get size() {
      return heap.length;
    },
    push: siftUp,
    peek: () => heap[0],
    pop() {
      const first = heap[0];
      const last = heap.pop();
      if (first !== undefined && last !== undefined && heap.length > 0) siftDown(last);
      return first;
    },
  };
}
