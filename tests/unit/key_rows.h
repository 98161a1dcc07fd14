#ifndef TESTS_UNIT_KEY_ROWS_H
#define TESTS_UNIT_KEY_ROWS_H

#include "tests/unit/support.h"

/* Rows of a wrapped key to which nothing happens by itself: its format, name and state; its name.
 */

#define KEY_ROW                                                                                    \
    "{\"algorithms\":[\"ES256\"],\"formats\":[\"%s\"],\"jwt\":{\"iss\":\"\",\"max_ttl_s\":0,"      \
    "\"typ\":\"\"},\"labels\":{},\"latest\":1,\"name\":\"%s\",\"recovery\":\"wrapped\","           \
    "\"residence\":\"wrapped\",\"rotation\":{\"period_s\":0,\"publish_ahead_s\":0,"                \
    "\"retain_s\":100},\"state\":\"%s\",\"token\":\"t\",\"type\":\"ec-p256\",\"usage\":\"sign\","  \
    "\"validity_s\":0,\"verify\":\"always\"}"

#define VERSION_ROW                                                                                \
    "{\"activates_s\":1,\"created_s\":1,\"expires_s\":0,\"key\":\"%s\",\"kid\":\"k\","             \
    "\"number\":1,\"object_id\":\"AQID\",\"public_key\":\"AA\",\"retired_s\":0,"                   \
    "\"state\":\"active\",\"token\":\"t\"}"

#endif
