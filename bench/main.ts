// Implements `npm run bench`: runs the named benchmarks, or all of them.
import { type Bench, publish } from '#bench/harness/benchmark.ts'
import { runCommand, usageError } from '#tools/command-line.ts'
import { bench as benchCommand } from '#tools/commands.ts'

const BENCHES: Readonly<Record<string, () => Promise<{ bench: Bench }>>> = {
  'event-store': () => import('#bench/event-store.ts'),
  checkout: () => import('#bench/checkout/checkout.ts'),
  growth: () => import('#bench/growth/growth.ts'),
  engines: () => import('#bench/checkout/engines.ts'),
  peers: () => import('#bench/checkout/peers.ts'),
  bff: () => import('#bench/bff/bff.ts'),
  live: () => import('#bench/live/live.ts'),
  gateway: () => import('#bench/gateway/gateway.ts'),
}

/** Runs the named benchmarks, or all when none is named. Throws OperatorError USAGE for an unknown name. */
async function run(names: readonly string[], { quick }: { readonly quick: boolean }): Promise<void> {
  const unknown = names.filter(name => !Object.hasOwn(BENCHES, name))
  if (unknown.length > 0)
    throw usageError(
      benchCommand,
      `There is no benchmark ${unknown.join(', ')}: there are ${Object.keys(BENCHES).join(', ')}.`,
    )
  for (const [name, open] of Object.entries(BENCHES)) {
    if (names.length > 0 && !names.includes(name)) continue
    console.log(`\n${name}${quick ? ' (quick)' : ''}`)
    const { bench } = await open()
    await publish(name, await bench({ quick }))
  }
}

await runCommand(benchCommand, ({ values: { quick = false }, operands }) => run(operands, { quick }))
