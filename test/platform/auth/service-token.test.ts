import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createServiceToken } from '#platform/auth/service-token.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { temporaryFolder } from './temporary-folder.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('a service token', () => {
  it('is signed by the embedded issuer, and renewed only shortly before it expires', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await using folder = await temporaryFolder()
    const issuer = await openEmbeddedIssuer(folder.path)
    const serviceToken = createServiceToken({ directory: folder.path })
    const [first, second] = await Promise.all([serviceToken(), serviceToken()])
    expect(first).toBe(second)
    expect(await createVerifier(issuer).verify(first)).toEqual({ subject: 'service', role: 'service' })
    vi.setSystemTime(Date.now() + 3590 * 1000)
    expect(await serviceToken()).not.toBe(first)
  })

  it('is read again when its mounted file is replaced', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    await using folder = await temporaryFolder()
    const issuer = await openEmbeddedIssuer(folder.path)
    const file = path.join(folder.path, 'token')
    const sign = (subject: string) => issuer.sign({ role: 'service', subject })
    const [before, after] = await Promise.all([sign('a'), sign('b')])
    await writeFile(file, `${before}\n`)
    const serviceToken = createServiceToken({ file })
    expect(await serviceToken()).toBe(before)
    await writeFile(file, after)
    expect(await serviceToken()).toBe(before)
    vi.setSystemTime(Date.now() + 61_000)
    expect(await serviceToken()).toBe(after)
  })

  it('names the file that cannot be used, and is read again the next time', async () => {
    await using folder = await temporaryFolder()
    const file = path.join(folder.path, 'token')
    const serviceToken = createServiceToken({ file })
    await expect(serviceToken()).rejects.toMatchObject({
      code: 'SERVICE_TOKEN_UNUSABLE',
      message: expect.stringContaining(file),
    })
    await writeFile(file, 'not a token')
    await expect(serviceToken()).rejects.toMatchObject({ code: 'SERVICE_TOKEN_UNUSABLE' })
    const issuer = await openEmbeddedIssuer(folder.path)
    await writeFile(file, await issuer.sign({ role: 'service', subject: 'a' }))
    await expect(serviceToken()).resolves.toMatch(/^ey/)
  })
})
