// Seeds a trial as `npm start` does: products, two customers and a few orders, through the web BFF. Repeats change nothing.
import process from 'node:process'
import { openEmbeddedIssuer } from '#platform/auth/issuer.ts'
import { seed } from '#start/seed.ts'

const { AUTH_EMBEDDED_DIR: directory, WEB_URL: web } = process.env
if (!directory) throw new Error('AUTH_EMBEDDED_DIR: is not set; should hold the folder of the issuer')
if (!web) throw new Error("WEB_URL: is not set; should hold the URL of the web BFF's GraphQL")
await seed(web, await openEmbeddedIssuer(directory))
console.log('seeded')
