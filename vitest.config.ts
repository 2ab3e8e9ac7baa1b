import { createRequire } from 'node:module'
import process from 'node:process'
import { configDefaults, defineConfig } from 'vitest/config'

const { resolve } = createRequire(import.meta.url)
/** `npm run test:engines` runs these alone: they take engines that `npm test` does without. */
const engines = 'test/**/*.engine.test.ts'
const onEngines = process.env.ENGINES === '1'

export default defineConfig({
  // The copy of graphql that Node itself resolves: with the other one, `instanceof GraphQLError` would not hold.
  resolve: { alias: [{ find: /^graphql$/, replacement: resolve('graphql') }] },
  test: {
    include: [onEngines ? engines : 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(onEngines ? [] : [engines])],
    // Bounds for what hangs, wide enough for a machine at a load of twenty; nothing waits for them where all is well.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    maxWorkers: onEngines ? 1 : 2,
    globalSetup: ['test/fixtures/postgres.setup.ts'],
  },
})
