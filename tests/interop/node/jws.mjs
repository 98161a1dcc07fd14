// Verifies and makes JWS with the npm library `jose`. One JSON object per line on standard input,
// one result per line on standard output.
//
//   {"do": "verify", "jws": <compact or flattened>, "jwks": {...}, "payload": <base64url, detached>}
//   {"do": "sign", "alg": "ES256", "payload": <base64url>}   answers with a JWS and its public JWK
import readline from 'node:readline'
import * as jose from 'jose'

const b64u = (octets) => Buffer.from(octets).toString('base64url')

function flattened(row) {
  const jws = typeof row.jws === 'string'
    ? (([header, payload, signature]) => ({ protected: header, payload, signature }))(row.jws.split('.'))
    : { ...row.jws }
  if (row.payload !== undefined) {
    const header = JSON.parse(Buffer.from(jws.protected, 'base64url'))
    const octets = Buffer.from(row.payload, 'base64url')
    jws.payload = header.b64 === false ? new Uint8Array(octets) : b64u(octets)
  }
  return jws
}

async function verify(row) {
  const keys = jose.createLocalJWKSet(row.jwks)
  const { payload, protectedHeader } = await jose.flattenedVerify(flattened(row), keys, {
    algorithms: row.algorithms,
  })
  return { payload: b64u(payload), header: protectedHeader }
}

async function sign(row) {
  const { publicKey, privateKey } = await jose.generateKeyPair(row.alg, { extractable: true, crv: 'Ed25519' })
  const jws = await new jose.CompactSign(Buffer.from(row.payload, 'base64url'))
    .setProtectedHeader({ alg: row.alg, kid: 'theirs' })
    .sign(privateKey)
  return { jws, jwk: { ...(await jose.exportJWK(publicKey)), kid: 'theirs', alg: row.alg } }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    const row = JSON.parse(line)
    console.log(JSON.stringify({ good: true, ...(await (row.do === 'sign' ? sign(row) : verify(row))) }))
  } catch (error) {
    console.log(JSON.stringify({ good: false, error: `${error.code ?? ''} ${error.message}` }))
  }
}
