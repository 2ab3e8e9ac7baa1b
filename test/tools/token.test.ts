import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { newId } from '#platform/domain/ids.ts'
import { temporaryFolder } from '#test/platform/auth/temporary-folder.ts'
import { runTool } from '#test/tools/run-tool.ts'
import { developmentToken } from '#tools/token.ts'

async function startedOnce() {
  const folder = await temporaryFolder()
  const issuer = await openEmbeddedIssuer(path.join(folder.path, 'auth'))
  const env = { DATA_DIR: folder.path }
  return { env, verifier: createVerifier(issuer), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

describe('the token tool', () => {
  it('prints a token that the services accept', async () => {
    await using setup = await startedOnce()
    const subject = newId('customer')
    const args = ['--role', 'customer', '--subject', subject]
    const { stdout } = await runTool('token.ts', args, setup.env)
    expect(await setup.verifier.verify(stdout.trim())).toEqual({ role: 'customer', subject })
  })

  it('makes it valid for --ttl, or for twelve hours by default', async () => {
    await using setup = await startedOnce()
    const hoursLeft = async (...ttl: string[]) => {
      const token = await developmentToken(['--role', 'ops', '--subject', 'olga', ...ttl], setup.env)
      return ((await setup.verifier.verifyToken(token)).expiresAt - Date.now()) / 3_600_000
    }
    expect(await hoursLeft()).toBeCloseTo(12, 1)
    expect(await hoursLeft('--ttl', '90m')).toBeCloseTo(1.5, 1)
    expect(await hoursLeft('--ttl', '7d')).toBeCloseTo(168, 1)
  })

  it.each([
    [['--subject', 'x'], '--role should be one of customer, support, ops, service'],
    [['--role', 'admin', '--subject', 'x'], '--role should be one of'],
    [['--role', 'ops'], '--subject should name'],
    [['--role', 'customer', '--subject', 'ada'], 'is a customer id'],
    [['--role', 'ops', '--subject', 'o', '--ttl', '8d'], '--ttl should be 1s to 7d'],
    [['--role', 'ops', '--subject', 'o', '--ttl', '0'], '--ttl should be 1s to 7d'],
    [['--role', 'ops', '--subjct', 'o'], '--subjct'],
  ])('refuses %j and says what it should be', async (args, message) => {
    await using setup = await startedOnce()
    await expect(developmentToken(args, setup.env)).rejects.toThrow(message)
  })

  it('asks to start Waybill first when the issuer has no key, and makes none', async () => {
    await using folder = await temporaryFolder()
    const asking = () => developmentToken(['--role', 'ops', '--subject', 'o'], { DATA_DIR: folder.path })
    await expect(asking()).rejects.toThrow('npm start')
    await expect(asking()).rejects.toThrow('npm start')
  })

  it('fails when tokens come from another issuer', async () => {
    await using setup = await startedOnce()
    const env = { ...setup.env, AUTH_JWKS_URL: 'https://id.example.org/jwks' }
    await expect(developmentToken(['--role', 'ops', '--subject', 'o'], env)).rejects.toThrow(
      'AUTH_JWKS_URL is set',
    )
  })
})
