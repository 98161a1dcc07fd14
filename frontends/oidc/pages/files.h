#ifndef FRONTENDS_OIDC_PAGES_FILES_H
#define FRONTENDS_OIDC_PAGES_FILES_H

#include "lib/base/buf.h"

/* What pages load: each under a name with its hash, so that browsers may keep it. */
enum file { FILE_STYLE, FILE_LOGO, FILES };

#define FILES_LOGO_MAX (256u * 1024u)
#define FILES_PATH_MAX 96u

struct files {
    struct {
        struct ps_bytes octets; /* empty: there is none */
        const char *media;
        char name[FILES_PATH_MAX / 2];
    } of[FILES];
    struct ps_buf logo;
};

/*
 * logo: path of an SVG or a PNG file; "": none. Before the sandbox.
 * Errors: PS_E_INPUT: neither of both; those of file_read
 */
PS_MUST_USE enum ps_err files_open(struct files *files, const char *logo);
void files_clear(struct files *files);

/* Its path on the public listener; false: there is none. */
bool files_path(const struct files *files, enum file file, char ret_path[FILES_PATH_MAX]);

/* Made of style.css by scripts/file_to_c.py. */
extern const uint8_t files_style[];
extern const size_t files_style_len;

#endif
