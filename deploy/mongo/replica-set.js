// Run by mongosh: starts a replica set of one member and creates an account per subgraph, limited to its own database.
// Repeats change nothing but passwords.
const SERVICES = ['orders', 'inventory', 'payment', 'shipping']

try {
  rs.status()
} catch (error) {
  if (error.codeName !== 'NotYetInitialized') throw error
  rs.initiate({ _id: 'rs0', members: [{ _id: 0, host: 'mongo:27017' }] })
}
while (!db.hello().isWritablePrimary) sleep(200)

for (const name of SERVICES) {
  const own = db.getSiblingDB(name)
  const pwd = process.env[`${name.toUpperCase()}_PASSWORD`]
  const account = { pwd, roles: [{ role: 'readWrite', db: name }] }
  if (own.getUser(name) === null) own.createUser({ user: name, ...account })
  else own.updateUser(name, account)
}
