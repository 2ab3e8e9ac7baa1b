import { describe, expect, test } from 'vitest'
import type { Verifier } from '#platform/auth/verifier.ts'
import { CallerError } from '#platform/domain/errors.ts'
import { identifyCaller } from '#platform/graphql/caller.ts'

function countingVerifier(lastsMs = 60_000) {
  const verified: string[] = []
  const verifyToken: Verifier['verifyToken'] = async token => {
    verified.push(token)
    if (token === 'bad') throw new CallerError('UNAUTHENTICATED', 'no')
    const viewer = { subject: token, role: 'customer' as const }
    return { viewer, expiresAt: Date.now() + lastsMs, claims: {} }
  }
  return { verified, verifyToken, verify: async (token: string) => (await verifyToken(token)).viewer }
}

describe('a connection', () => {
  test('that sends the same token again is not verified again', async () => {
    const verifier = countingVerifier()
    const socket = {}
    for (let time = 0; time < 3; time++)
      expect((await identifyCaller(verifier, 'Bearer ada', socket)).verified?.viewer.subject).toBe('ada')
    expect(verifier.verified).toEqual(['ada'])
  })

  test("that sends another token gets that token's viewer, and is anonymous without one", async () => {
    const verifier = countingVerifier()
    const socket = {}
    for (const name of ['ada', 'bob', 'ada'])
      expect((await identifyCaller(verifier, `Bearer ${name}`, socket)).verified?.viewer.subject).toBe(name)
    expect(await identifyCaller(verifier, undefined, socket)).toEqual({
      token: undefined,
      verified: undefined,
    })
    expect(verifier.verified).toEqual(['ada', 'bob', 'ada'])
  })

  test('is verified again once its token has expired', async () => {
    const verifier = countingVerifier(-1)
    const socket = {}
    await identifyCaller(verifier, 'Bearer ada', socket)
    await identifyCaller(verifier, 'Bearer ada', socket)
    expect(verifier.verified).toEqual(['ada', 'ada'])
  })

  test('is refused each time with an invalid token', async () => {
    const verifier = countingVerifier()
    const socket = {}
    for (const authorization of ['Bearer bad', 'Bearer bad', 'Basic YTpi'])
      await expect(identifyCaller(verifier, authorization, socket)).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      })
    expect(verifier.verified).toEqual(['bad', 'bad'])
  })
})
