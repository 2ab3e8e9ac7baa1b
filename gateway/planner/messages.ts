// What a gateway and a planner's process say to each other. Types only.

/** The first message is the supergraph; the rest are answered one by one, in the order in which they came. */
export type PlannerRequest =
  | { readonly kind: 'supergraph'; readonly sdl: string }
  | { readonly kind: 'plan'; readonly text: string; readonly operationName: string | undefined }

export type PlannerResponse =
  | { readonly kind: 'ready' }
  /** `flaw` is why the plan may be wrong. */
  | { readonly kind: 'planned'; readonly node: unknown; readonly flaw: string | undefined }
  /** Of the supergraph or of an operation: why not. */
  | { readonly kind: 'refused'; readonly reason: string }
