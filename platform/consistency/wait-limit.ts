// Limits how many requests wait for a position at once, so that they leave room for those that need not wait.

type WaitLimit = {
  /** Counts a wait until it is disposed. Undefined when `caller`, or all callers together, have as many as allowed. */
  enter(caller: string | undefined): Disposable | undefined
}

/** A caller that is undefined stands for many, and is limited by `total` alone. */
export function createWaitLimit({
  perCaller,
  total,
}: {
  readonly perCaller: number
  readonly total: number
}): WaitLimit {
  const taken = new Map<string | undefined, number>()
  let all = 0

  function change(caller: string | undefined, by: 1 | -1): void {
    const count = (taken.get(caller) ?? 0) + by
    all += by
    if (count > 0) taken.set(caller, count)
    else taken.delete(caller)
  }

  return {
    enter(caller) {
      if (all >= total || (caller !== undefined && (taken.get(caller) ?? 0) >= perCaller)) return undefined
      change(caller, 1)
      let open = true
      return {
        [Symbol.dispose]() {
          if (open) change(caller, -1)
          open = false
        },
      }
    },
  }
}
