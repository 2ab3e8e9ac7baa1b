// Places for requests that wait, so that those who wait leave room for those who need not. Free of what is waited for.

type WaitLimit = {
  /** A place until it is disposed; undefined when `caller`, or everybody together, has as many as there may be. */
  enter(caller: string | undefined): Disposable | undefined
}

/** Only `total` bounds callers that are undefined, who stand for many. */
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
