// Verifies and makes COSE_Sign1 with the npm library `@auth0/cose`. One JSON object per line on
// standard input, one result per line on standard output.
//
//   {"do": "verify", "cose": b64u, "jwk": {...}, "payload": b64u of a detached one, "aad": b64u}
//                                     "claims": true: of a CWT, octets in hexadecimal
//   {"do": "verify-x509", "cose": b64u, "roots": [PEM]}   by its x5chain
//   {"do": "sign", "alg": "ES256", "payload": b64u}   answers with COSE_Sign1, JWK and COSE_Key
//
// @auth0/cose knows no ES256K, and decodes tagged messages alone: for ES256K `cbor-x` and node's own
// crypto do it, with Sig_structure as RFC 9052 has it.
import crypto from 'node:crypto'
import readline from 'node:readline'
import { Algorithms, COSEKey, Headers, ProtectedHeaders, Sign1, UnprotectedHeaders } from '@auth0/cose'
import { Encoder, Tag } from 'cbor-x'
import * as jose from 'jose'

const cbor = new Encoder({ mapsAsObjects: false, useRecords: false, tagUint8Array: false })
const b64u = (octets) => Buffer.from(octets).toString('base64url')
const octets = (text) => new Uint8Array(Buffer.from(text ?? '', 'base64url'))
const ES256K = -47

// The array of four, whatever tags stand before it.
function parts(encoded) {
  let item = cbor.decode(encoded)
  while (item instanceof Tag) item = item.value
  return item instanceof Sign1 ? item.getContentForEncoding() : item
}

function verifyES256K(row, [header, , inside, signature]) {
  const payload = inside ?? octets(row.payload)
  const signed = cbor.encode(['Signature1', header, octets(row.aad), payload])
  const key = { key: crypto.createPublicKey({ key: row.jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' }
  if (cbor.decode(header).get(1) !== ES256K || !crypto.verify('sha256', signed, key, signature)) {
    throw new Error('does not verify')
  }
  return { payload: b64u(payload), ...claimsOf(row, payload) }
}

function asJson(value) {
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([name, one]) => [String(name), asJson(one)]))
  }
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
}

const claimsOf = (row, payload) => (row.claims ? { claims: asJson(cbor.decode(payload)) } : {})

async function verify(row) {
  const message = parts(octets(row.cose))
  if (row.jwk.crv === 'secp256k1') return verifyES256K(row, message)
  const sign1 = new Sign1(...message)
  await sign1.verify(await jose.importJWK(row.jwk, row.jwk.alg), {
    externalAAD: octets(row.aad),
    ...(row.payload === undefined ? {} : { detachedPayload: octets(row.payload) }),
  })
  return { payload: row.payload ?? b64u(sign1.payload), ...claimsOf(row, sign1.payload),
           chain: [sign1.x5chain ?? []].flat().map(b64u) }
}

async function verifyX509(row) {
  const sign1 = new Sign1(...parts(octets(row.cose)))
  await sign1.verifyX509(row.roots)
  return {}
}

function signES256K(row) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'secp256k1' })
  const header = cbor.encode(new Map([[1, ES256K]]))
  const signed = cbor.encode(['Signature1', header, octets(''), octets(row.payload)])
  const signature = crypto.sign('sha256', signed, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return { cose: b64u(cbor.encode(new Tag([header, new Map(), octets(row.payload), signature], 18))),
           jwk: { ...publicKey.export({ format: 'jwk' }), alg: row.alg } }
}

async function sign(row) {
  if (row.alg === 'ES256K') return signES256K(row)
  const { publicKey, privateKey } = await jose.generateKeyPair(row.alg, { extractable: true, crv: 'Ed25519' })
  const jwk = await jose.exportJWK(publicKey)
  const sign1 = await Sign1.sign(
    new ProtectedHeaders([[Headers.Algorithm, Algorithms[row.alg]], [Headers.ContentType, 0]]),
    new UnprotectedHeaders([[Headers.KeyID, Buffer.from('theirs')]]),
    octets(row.payload),
    privateKey
  )
  return { cose: b64u(sign1.encode()), jwk: { ...jwk, kid: 'theirs', alg: row.alg },
           cose_key: jwk.kty === 'RSA' ? undefined : b64u(COSEKey.fromJWK(jwk).encode()) }
}

const does = { sign, verify, 'verify-x509': verifyX509 }

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    const row = JSON.parse(line)
    console.log(JSON.stringify({ good: true, ...(await does[row.do](row)) }))
  } catch (error) {
    console.log(JSON.stringify({ good: false, error: `${error.code ?? ''} ${error.message}` }))
  }
}
