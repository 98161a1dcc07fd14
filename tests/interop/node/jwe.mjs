// Makes and opens JWE with the npm library `jose`. One JSON object per line on standard input, one
// result per line on standard output.
//
//   {"do": "encrypt", "jwk": <public>, "header": {"alg": ..., "enc": ...}, "plaintext": <base64url>,
//    "apu": <base64url>, "apv": <base64url>}
//   {"do": "decrypt", "jwe": <compact>, "jwk": <private>}
import readline from 'node:readline'
import * as jose from 'jose'

const octets = (text) => new Uint8Array(Buffer.from(text, 'base64url'))

async function encrypt(row) {
  const made = new jose.CompactEncrypt(octets(row.plaintext)).setProtectedHeader(row.header)
  if (row.apu !== undefined) {
    made.setKeyManagementParameters({ apu: octets(row.apu), apv: octets(row.apv) })
  }
  return { jwe: await made.encrypt(await jose.importJWK(row.jwk, row.header.alg)) }
}

async function decrypt(row) {
  const { alg } = jose.decodeProtectedHeader(row.jwe)
  const { plaintext, protectedHeader } = await jose.compactDecrypt(row.jwe, await jose.importJWK(row.jwk, alg))
  return { plaintext: Buffer.from(plaintext).toString('base64url'), header: protectedHeader }
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    const row = JSON.parse(line)
    console.log(JSON.stringify({ good: true, ...(await (row.do === 'encrypt' ? encrypt(row) : decrypt(row))) }))
  } catch (error) {
    console.log(JSON.stringify({ good: false, error: `${error.code ?? ''} ${error.message}` }))
  }
}
