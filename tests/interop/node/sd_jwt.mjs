// Makes and verifies SD-JWTs with the npm library `@sd-jwt/core`. One JSON object per line on standard
// input, one result per line on standard output.
//
//   {"do": "verify", "sd_jwt": <with its disclosures>, "jwk": {...}}   answers with header and claims
//   {"do": "verify-vc", ...}                                           the same with `@sd-jwt/sd-jwt-vc`
//   {"do": "issue", "payload": {...}, "disclose": ["a", "b"]}          answers with it and its public JWK
import readline from 'node:readline'
import { createHash, randomBytes, sign, verify, createPublicKey, generateKeyPairSync } from 'node:crypto'
import { SDJwtInstance } from '@sd-jwt/core'
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc'

const hasher = (data, alg) => createHash(alg.replace('-', '')).update(data).digest()
const saltGenerator = (length) => randomBytes(length).toString('base64url')
const dsa = { dsaEncoding: 'ieee-p1363' }
const hashOf = (key) => (key.asymmetricKeyType === 'ed25519' ? null : 'sha256')

async function check(row) {
  const key = createPublicKey({ key: row.jwk, format: 'jwk' })
  const Instance = row.do === 'verify-vc' ? SDJwtVcInstance : SDJwtInstance
  const instance = new Instance({
    hasher,
    saltGenerator,
    verifier: async (data, signature) =>
      verify(hashOf(key), Buffer.from(data), { key, ...dsa }, Buffer.from(signature, 'base64url')),
  })
  const { header, payload } = await instance.verify(row.sd_jwt)
  return { header, payload }
}

async function issue(row) {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const instance = new SDJwtInstance({
    hasher,
    hashAlg: 'sha-256',
    saltGenerator,
    signAlg: 'ES256',
    signer: async (data) =>
      sign('sha256', Buffer.from(data), { key: privateKey, ...dsa }).toString('base64url'),
  })
  const text = await instance.issue(row.payload, { _sd: row.disclose }, { header: { typ: 'dc+sd-jwt' } })
  return { sd_jwt: text, jwk: { ...publicKey.export({ format: 'jwk' }), kid: 'theirs', alg: 'ES256' } }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    const row = JSON.parse(line)
    console.log(JSON.stringify({ good: true, ...(await (row.do === 'issue' ? issue(row) : check(row))) }))
  } catch (error) {
    console.log(JSON.stringify({ good: false, error: `${error.message}` }))
  }
}
