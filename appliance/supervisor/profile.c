#include "appliance/supervisor/profile.h"

#include "lib/formats/json/json.h"
#include "lib/system/file.h"

#include <stdio.h>

enum ps_err profile_load(const char *path, struct ps_buf *ret_profile)
{
    static const struct json_limits limits = {PROFILE_MAX, 16, 10000};
    PS_CLEANUP(json_free_cleanup) struct json *json = NULL;
    struct json_value root;

    PS_TRY(file_read(path, PROFILE_MAX, ret_profile));
    PS_TRY(json_new(&json));
    if (json_parse(json, ps_buf_bytes(ret_profile), &limits, &root) != PS_OK) {
        char why[120];

        (void)snprintf(why, sizeof why, "%.110s", ps_detail()->text);
        return ps_fail(PS_E_INPUT, 0, "profile %.100s: %s", path, why);
    }
    return json_type(root) == JSON_OBJECT
               ? PS_OK
               : ps_fail(PS_E_INPUT, 0, "profile %.100s is no JSON object", path);
}
