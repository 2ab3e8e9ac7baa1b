// Elects the one tab that sends.
import { newKey } from '../core/keys.ts'
import type { OutboxStore } from './store.ts'

type Locks = {
  request(name: string, options: { readonly signal: AbortSignal }, held: () => Promise<void>): Promise<void>
}
declare const navigator: { readonly locks?: Locks } | undefined

const LEASE_MS = 10_000

/**
 * Calls `lead(true)` once this tab is the one that sends under `name`, and `lead(false)` should it not be any more. Ends
 * when `signal` aborts. Web Locks decide, which free a lock as soon as its tab is gone; without them a lease in the store,
 * which a tab that was killed keeps for up to 10 s; without either, this is the only one.
 */
export function elect(
  name: string,
  {
    store,
    signal,
    lead,
  }: { readonly store: OutboxStore; readonly signal: AbortSignal; readonly lead: (leads: boolean) => void },
): void {
  const locks = typeof navigator === 'undefined' ? undefined : navigator.locks
  if (locks) {
    const hold = () =>
      new Promise<void>(release => {
        lead(true)
        signal.addEventListener('abort', () => release())
      })
    locks.request(name, { signal }, hold).catch(() => {}) // it was aborted while it waited
  } else if (store.lease) keepLease(store.lease, signal, lead)
  else lead(true)
}

function keepLease(
  lease: (owner: string, ms: number) => Promise<boolean>,
  signal: AbortSignal,
  lead: (leads: boolean) => void,
): void {
  const owner = newKey()
  let leading = false
  const ask = async () => {
    const leads = await lease(owner, LEASE_MS).catch(() => false) // asked again soon
    if (signal.aborted || leads === leading) return
    leading = leads
    lead(leads)
  }
  const timer = setInterval(ask, LEASE_MS / 4)
  signal.addEventListener('abort', () => {
    clearInterval(timer)
    // The next tab need not wait for the lease to end.
    if (leading) lease(owner, 0).catch(() => {})
  })
  void ask()
}
