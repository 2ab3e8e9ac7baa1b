import { createRequire } from 'node:module'
import process from 'node:process'
import { configDefaults, defineConfig } from 'vitest/config'

const { resolve } = createRequire(import.meta.url)
/** Only `npm run test:engines` runs these, since they need engines that `npm test` does without. */
const engines = 'test/**/*.engine.test.ts'
const onEngines = process.env.ENGINES === '1'

export default defineConfig({
  // Resolves graphql as Node does: with a second instance of it, `instanceof GraphQLError` would fail.
  resolve: { alias: [{ find: /^graphql$/, replacement: resolve('graphql') }] },
  test: {
    include: [onEngines ? engines : 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...(onEngines ? [] : [engines])],
    // Limits for tests that hang, wide enough for a machine at a load of twenty; passing tests never wait for them.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    maxWorkers: onEngines ? 1 : 2,
    globalSetup: ['test/fixtures/postgres.setup.ts'],
  },
})
