// Creates the token issuer of a trial, its key and its public key set, in AUTH_EMBEDDED_DIR. Repeats change nothing.
import process from 'node:process'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'

const directory = process.env.AUTH_EMBEDDED_DIR
if (!directory) throw new Error('AUTH_EMBEDDED_DIR: is not set; should hold the folder of the issuer')
const { jwks, issuer, audience } = await openEmbeddedIssuer(directory)
console.log(`tokens of ${issuer} for ${audience} are checked with ${jwks.href}`)
