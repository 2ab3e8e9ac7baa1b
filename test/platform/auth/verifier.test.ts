import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { CompactSign, generateKeyPair, importJWK, SignJWT, UnsecuredJWT } from 'jose'
import { describe, expect, it } from 'vitest'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { createVerifier } from '#platform/auth/verifier.ts'
import { serveHttp } from '#test/fixtures/http-server.ts'
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

/** Signs whatever claims it is given, with the issuer's own key. */
async function signAnything({ folder, issuer }: Awaited<ReturnType<typeof setUp>>, claims: object) {
  const jwk = JSON.parse(await readFile(path.join(folder.path, 'issuer-key.json'), 'utf8'))
  const kid = JSON.parse(await readFile(fileURLToPath(issuer.jwks), 'utf8')).keys[0].kid
  const exp = Math.floor(Date.now() / 1000) + 600
  const payload = { iss: issuer.issuer, aud: issuer.audience, sub: 'ann', exp, role: 'customer', ...claims }
  return new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: 'EdDSA', kid })
    .sign(await importJWK(jwk, 'EdDSA'))
}

describe('claims of a token that the issuer signed', () => {
  const PLAIN = /subject should have no control characters/
  it.each<[string, object, RegExp]>([
    ['a subject in a list', { sub: ['ann'] }, /subject is a list; it should be a text/],
    ['a subject that is a number', { sub: 7 }, /subject is a number/],
    ['a subject that is true', { sub: true }, /subject is a boolean/],
    ['a subject that is an object', { sub: { id: 'ann' } }, /subject is an object/],
    ['a subject that is null', { sub: null }, /subject is null/],
    ['an empty subject', { sub: '' }, /subject has 0 characters; it should have 1 to 255/],
    ['an overlong subject', { sub: 'x'.repeat(256) }, /subject has 256 characters/],
    ['a subject with a line break', { sub: 'ann\nops' }, PLAIN],
    ['a subject with U+0000', { sub: 'ann\u0000' }, PLAIN],
    ['a subject with a blank behind it', { sub: 'ann ' }, PLAIN],
    ['a subject that changes the direction of text', { sub: 'ann\u202e' }, PLAIN],
    ['a subject with half a surrogate', { sub: 'ann\ud800' }, PLAIN],
    ['a subject with a line separator', { sub: 'ann\u2028' }, PLAIN],
    ['a role in a list', { role: ['ops'] }, /role is not one that is known/],
    ['a role that is an object', { role: { ops: true } }, /role is not one that is known/],
    ['an expiry past all dates', { exp: 1e300 }, /expiry should be a time/],
    ['an expiry that is a text', { exp: '9999999999' }, /token/],
    ['scopes that are a number', { scope: 7 }, /claim scope should be a text or a list of texts/],
    ['scopes that are an object', { scope: { admin: true } }, /claim scope/],
    ['scopes of which one is no text', { scope: ['read', 7] }, /claim scope/],
    ['scopes with a control character', { scope: 'read\u0007' }, /claim scope/],
    ['names in an object that are a number', { realm: { roles: 7 } }, /claim realm.roles/],
  ])('are refused with 401 for %s', async (_what, claims, said) => {
    await using setup = await setUp()
    const nameClaims = ['scope', 'realm.roles']
    const token = await signAnything(setup, claims)
    await expect(createVerifier({ ...setup.issuer, nameClaims }).verify(token)).rejects.toMatchObject(
      unauthenticated(said),
    )
    const isAboutRole = 'role' in claims
    const lenient = createVerifier({ ...setup.issuer, nameClaims, roles: 'any' })
    if (isAboutRole) expect((await lenient.verify(token)).role).toBe('customer')
    else await expect(lenient.verify(token)).rejects.toMatchObject(unauthenticated(said))
  })

  it.each<[string, object]>([
    ['an address for a subject', { sub: 'ann.b+c@shop.example' }],
    ['a service account of Kubernetes', { sub: 'system:serviceaccount:shop:bff-web' }],
    ['a subject with blanks within', { sub: 'CN=Ann B, O=Shop' }],
    ['a subject in another script', { sub: '顧客-ñ' }],
    ['the longest subject', { sub: 'x'.repeat(255) }],
    ['scopes in a text and names in a list', { scope: 'read write', realm: { roles: ['a', 'b'] } }],
    ['claims that are null', { scope: null, realm: null }],
  ])('are accepted with %s', async (_what, claims) => {
    await using setup = await setUp()
    const verifier = createVerifier({ ...setup.issuer, nameClaims: ['scope', 'realm.roles'] })
    const token = await signAnything(setup, claims)
    expect(await verifier.verify(token)).toMatchObject({
      role: 'customer',
      ...('sub' in claims && { subject: claims.sub }),
    })
  })
})

describe('a verifier', () => {
  it('returns the subject and role of a token, and its expiry', async () => {
    await using setup = await setUp()
    const verifier = createVerifier(setup.issuer)
    const token = await setup.issuer.sign({ role: 'support', subject: 'sue', ttlSeconds: 60 })
    expect(await verifier.verify(token)).toEqual({ subject: 'sue', role: 'support' })
    const { expiresAt } = await verifier.verifyToken(token)
    expect(expiresAt - Date.now()).toBeGreaterThan(50_000)
  })

  it('refuses an expired token, including one that it had verified before', async () => {
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

  it('refuses a malformed token, an unsigned one, and one without a known role', async () => {
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

  it('throws UNAVAILABLE, not UNAUTHENTICATED, while the keys cannot be reached', async () => {
    const verifier = createVerifier({
      jwks: pathToFileURL('/nowhere/jwks.json'),
      issuer: 'waybill-development',
      audience: 'waybill',
    })
    await using setup = await setUp()
    const token = await setup.issuer.sign({ role: 'ops', subject: 'o' })
    await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  it('also takes a key set from a URL', async () => {
    await using setup = await setUp()
    const keys = await readFile(fileURLToPath(setup.issuer.jwks), 'utf8')
    await using server = await serveHttp((_request, response) => response.end(keys))
    const verifier = createVerifier({ ...setup.issuer, jwks: new URL(`${server.url}/jwks`) })
    const token = await setup.issuer.sign({ role: 'ops', subject: 'o' })
    expect(await verifier.verify(token)).toEqual({ subject: 'o', role: 'ops' })
  })
})

describe('the embedded issuer', () => {
  it('keeps its key between openings, so that tokens stay valid', async () => {
    await using setup = await setUp()
    const token = await setup.issuer.sign({ role: 'customer', subject: 'cus_1' })
    const again = await openEmbeddedIssuer(setup.folder.path)
    expect(await createVerifier(again).verify(token)).toEqual({ subject: 'cus_1', role: 'customer' })
  })

  it('has one key when several processes open it at once', async () => {
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

  it('names the file when its key is damaged, and does not replace it', async () => {
    await using setup = await setUp()
    await writeFile(path.join(setup.folder.path, 'issuer-key.json'), '{')
    await expect(openEmbeddedIssuer(setup.folder.path)).rejects.toMatchObject({
      code: 'ISSUER_KEY_UNUSABLE',
      message: expect.stringContaining('issuer-key.json'),
    })
  })

  it('publishes only the public key', async () => {
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
