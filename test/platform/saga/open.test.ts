import { execFile } from 'node:child_process'
import process from 'node:process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ROOT } from '#test/docs/pages.ts'

/** Opens a runner for `url` in a process of its own, in which `before` has run; what it failed with. */
async function failureOf(url: string, before = ''): Promise<string> {
  const script = `${before}
    const { openSagaRunner } = await import('#platform/saga/open.ts')
    const logger = { warn() {}, error() {}, debug() {} }
    await openSagaRunner({ workflowUrl: '${url}', logger }).catch(({ code, message }) => console.log(code, message))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: ROOT,
  })
  return stdout
}

/** Imitates a machine that has none of Temporal's packages. */
const WITHOUT_TEMPORAL = `
  const { registerHooks } = await import('node:module')
  registerHooks({
    resolve(specifier, context, next) {
      return next(specifier.startsWith('@temporalio/') ? specifier + '-that-is-not-here' : specifier, context)
    },
  })`

test('workflows run on Temporal, and a URL of any other engine is refused', async () => {
  expect(await failureOf('redis://127.0.0.1')).toMatch(
    /^WORKFLOW_URL_UNKNOWN .*temporal:\/\/, not on "redis:/,
  )
})

test('a Temporal URL without the Temporal packages is refused with the command that installs them', async () => {
  expect(await failureOf('temporal://127.0.0.1/default', WITHOUT_TEMPORAL)).toMatch(
    /^TEMPORAL_NOT_INSTALLED .*npm run install:temporal/,
  )
})
