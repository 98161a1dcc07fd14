/* Prints the api's tables as JSON: "routes" or "vocabulary". Tests are made from them. */
#include "api/api.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    PS_BUF_AUTO out;

    ps_buf_init(&out, 1024 * 1024);
    if (argc == 2 && strcmp(argv[1], "routes") == 0) {
        api_routes_put_json(&out);
    } else if (argc == 2 && strcmp(argv[1], "vocabulary") == 0) {
        api_vocabulary_put_json(&out);
    } else {
        (void)fprintf(stderr, "usage: api_describe routes|vocabulary\n");
        return 2;
    }
    if (ps_buf_status(&out) != PS_OK) {
        return 1;
    }
    return fwrite(out.data, 1, out.len, stdout) == out.len ? 0 : 1;
}
