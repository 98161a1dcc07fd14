#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include <stddef.h>
#include <stdint.h>

/* openapi.yaml as JSON; made from it when building. */
extern const uint8_t openapi_json[];
extern const size_t openapi_json_len;

#endif
