/** What is known of an operator who says go to servers that only observe. */
export interface Operator {
  /** An operator begins to say go; the answer tells that this has ended, whether anybody heard it or not. */
  sayGo(): () => void;
  isSayingGo(): boolean;
  onGo(listener: () => void): void;
}

/** Makes an operator who has said nothing. */
export function createOperator(): Operator {
  const listeners: (() => void)[] = [];
  let underWay = 0;
  return {
    sayGo() {
      underWay += 1;
      for (const listener of listeners) listener();
      return () => {
        underWay -= 1;
      };
    },
    isSayingGo: () => underWay > 0,
    onGo: (listener) => void listeners.push(listener),
  };
}
