import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { temporaryFolder } from './temporary-folder.ts'

async function setUp() {
  const folder = await temporaryFolder()
  const issuer = await openEmbeddedIssuer(folder.path)
  return { folder, issuer, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const unauthenticated = (message: RegExp) => ({
  code: 'UNAUTHENTICATED',
  message: expect.stringMatching(message),
})

describe('a verifier', () => {
  it('says who a token stands for, and until when', async () => {
    await using setup = await setUp()
    const verifier = createVerifier(setup.issuer)
    const token = await setup.issuer.sign({ role: 'support', subject: 'sue', ttlSeconds: 60 })
    expect(await verifier.verify(token)).toEqual({ subject: 'sue', role: 'support' })
    const { expiresAt } = await verifier.verifyToken(token)
    expect(expiresAt - Date.now()).toBeGreaterThan(50_000)
  })

  it('refuses an expired token, also one that it had verified before', async () => {
    await using setup = await setUp()
    let now = new Date()
    const verifier = createVerifier({ ...setup.issuer, now: () => now })
    const token = await setup.issuer.sign({ role: 'ops', subject: 'o', ttlSeconds: 60 })
    await verifier.verify(token)
    now = new Date(Date.now() + 120_000)
    await expect(verifier.verify(token)).rejects.toMatchObject(unauthenticated(/expired/))
  })

  it('refuses tokens of another issuer, audience or key as foreign', async () => {
    await using setup = await setUp()
    const verifier = createVerifier(setup.issuer)
    const token = await setup.issuer.sign({ role: 'ops', subject: 'o' })
    const picky = createVerifier({ ...setup.issuer, audience: 'someone-else' })
    await expect(picky.verify(token)).rejects.toMatchObject(unauthenticated(/foreign.*aud/))
    const { privateKey } = await generateKeyPair('EdDSA')
    const forged = new SignJWT({ role: 'ops' }).setProtectedHeader({ alg: 'EdDSA' }).setSubject('o')
    const signed = await forged
      .setIssuer(setup.issuer.issuer)
      .setAudience(setup.issuer.audience)
      .setExpirationTime('1h')
      .sign(privateKey)
    await expect(verifier.verify(signed)).rejects.toMatchObject(unauthenticated(/foreign.*signed/))
  })

  it('refuses what is no token, is unsigned, or has no role that is known', async () => {
    await using setup = await setUp()
    const verifier = createVerifier(setup.issuer)
    const unsigned = new UnsecuredJWT({ role: 'ops' })
      .setSubject('o')
      .setIssuer(setup.issuer.issuer)
      .setAudience(setup.issuer.audience)
      .setExpirationTime('1h')
      .encode()
    for (const token of ['', 'x', 'a.b.c', 'x'.repeat(10_000), unsigned])
      await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it('answers UNAVAILABLE, not UNAUTHENTICATED, while the keys are out of reach', async () => {
    const verifier = createVerifier({
      jwks: pathToFileURL('/nowhere/jwks.json'),
      issuer: 'waybill-development',
      audience: 'waybill',
    })
    await using setup = await setUp()
    const token = await setup.issuer.sign({ role: 'ops', subject: 'o' })
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('takes a key set from a URL too', async () => {
    await using setup = await setUp()
    const keys = await readFile(fileURLToPath(setup.issuer.jwks), 'utf8')
    const server = createServer((_request, response) => response.end(keys)).listen(0, '127.0.0.1')
    await new Promise(resolve => server.once('listening', resolve))
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const verifier = createVerifier({ ...setup.issuer, jwks: new URL(`http://127.0.0.1:${port}/jwks`) })
    const token = await setup.issuer.sign({ role: 'ops', subject: 'o' })
    expect(await verifier.verify(token)).toEqual({ subject: 'o', role: 'ops' })
    server.close()
    server.closeAllConnections()
  })
})

describe('the embedded issuer', () => {
  it('keeps its key between openings, so that tokens go on working', async () => {
    await using setup = await setUp()
    const token = await setup.issuer.sign({ role: 'customer', subject: 'cus_1' })
    const again = await openEmbeddedIssuer(setup.folder.path)
    expect(await createVerifier(again).verify(token)).toEqual({ subject: 'cus_1', role: 'customer' })
  })

  it('ends up with one key when several processes open it at once', async () => {
    await using folder = await temporaryFolder()
    const race = async (round: number) => {
      const directory = path.join(folder.path, `auth-${round}`)
      const issuers = await Promise.all(Array.from({ length: 16 }, () => openEmbeddedIssuer(directory)))
      const tokens = await Promise.all(issuers.map(issuer => issuer.sign({ role: 'ops', subject: 'o' })))
      const verifier = createVerifier(await openEmbeddedIssuer(directory))
      for (const token of tokens) expect(await verifier.verify(token)).toMatchObject({ subject: 'o' })
    }
    for (let round = 0; round < 10; round++) await race(round)
  })

  it('names the file when its key is damaged, and never replaces it by itself', async () => {
    await using setup = await setUp()
    await writeFile(path.join(setup.folder.path, 'issuer-key.json'), '{')
    await expect(openEmbeddedIssuer(setup.folder.path)).rejects.toMatchObject({
      code: 'ISSUER_KEY_UNUSABLE',
      message: expect.stringContaining('issuer-key.json'),
    })
  })

  it('publishes the public half only', async () => {
    await using setup = await setUp()
    const { keys } = JSON.parse(await readFile(fileURLToPath(setup.issuer.jwks), 'utf8'))
    expect(keys).toHaveLength(1)
    expect(keys[0]).not.toHaveProperty('d')
    await rm(fileURLToPath(setup.issuer.jwks))
    const again = await openEmbeddedIssuer(setup.folder.path)
    const token = await again.sign({ role: 'ops', subject: 'o' })
    expect(await createVerifier(again).verify(token)).toMatchObject({ subject: 'o' })
  })
})
