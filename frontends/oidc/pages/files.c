#include "frontends/oidc/pages/files.h"

#include "frontends/oidc/pages/page.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/system/file.h"

#include <stdio.h>

#define YEAR_S      31536000u
#define HASH_OCTETS 15u

static void set(struct files *files, enum file file, struct ps_bytes octets, const char *media)
{
    static const char *const stems[FILES] = {[FILE_STYLE] = "style", [FILE_LOGO] = "logo"};
    uint8_t hash[PS_SHA256_LEN];
    char text[HASH_OCTETS / 3 * 4 + 1];

    ps_sha256(octets, hash);
    ps_base64url_encode(ps_bytes(hash, HASH_OCTETS), text);
    text[ps_base64url_len(HASH_OCTETS)] = '\0';
    files->of[file].octets = octets;
    files->of[file].media = media;
    (void)snprintf(files->of[file].name, sizeof files->of[file].name, "%s-%s", stems[file], text);
}

static const char *media_of(struct ps_bytes octets)
{
    if (ps_bytes_starts_with(octets, ps_bytes_str("\x89PNG\r\n\x1a\n"))) {
        return "image/png";
    }
    return ps_bytes_starts_with(octets, ps_bytes_str("<svg")) ||
                   ps_bytes_starts_with(octets, ps_bytes_str("<?xml"))
               ? "image/svg+xml"
               : NULL;
}

enum ps_err files_open(struct files *files, const char *logo)
{
    const char *media;

    set(files, FILE_STYLE, ps_bytes(files_style, files_style_len), "text/css; charset=utf-8");
    if (logo[0] == '\0') {
        return PS_OK;
    }
    PS_TRY(file_read(logo, FILES_LOGO_MAX, &files->logo));
    media = media_of(ps_buf_bytes(&files->logo));
    if (media == NULL) {
        return ps_fail(PS_E_INPUT, 0, "%s is neither SVG nor PNG", logo);
    }
    set(files, FILE_LOGO, ps_buf_bytes(&files->logo), media);
    return PS_OK;
}

void files_clear(struct files *files)
{
    ps_buf_clear(&files->logo);
}

bool files_path(const struct files *files, enum file file, char ret_path[FILES_PATH_MAX])
{
    (void)snprintf(ret_path, FILES_PATH_MAX, PAGE_STEPS "/%s", files->of[file].name);
    return files->of[file].octets.len != 0;
}

/* A logo that is SVG can be looked at by itself: nothing in it runs then, either. */
void page_serve_file(struct exchange *exchange, const struct endpoint *endpoint)
{
    static const struct http_field fields[] = {
        {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"},
        {"X-Content-Type-Options", "nosniff"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
    };
    const struct files *files = &exchange->service->files;

    (void)endpoint;
    for (size_t i = 0; i < FILES; i++) {
        if (files->of[i].octets.len != 0 &&
            ps_bytes_equal_str(exchange->found.variable, files->of[i].name)) {
            http_answer(exchange->request,
                        &(struct http_answer){.status = 200,
                                              .media = files->of[i].media,
                                              .body = &files->of[i].octets,
                                              .max_age_s = YEAR_S,
                                              .fields = fields,
                                              .field_count = PS_COUNT_OF(fields)});
            return;
        }
    }
    http_refuse(exchange->request, &(struct http_problem){.problem = PS_PROBLEM_NOT_FOUND});
}
