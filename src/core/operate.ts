import type { Caller } from "./caller.ts";
import type { OperationName, Operations, RequestContext } from "./requests.ts";

/** Carries out one operation for a caller who is known by now. */
export type Operate<Name extends OperationName> = (
  input: Operations[Name]["input"],
  context: RequestContext,
  caller: Caller,
) => Promise<Operations[Name]["output"]>;

/** Carries out some of the operations. */
export type Operates<Name extends OperationName> = { readonly [Each in Name]: Operate<Each> };
