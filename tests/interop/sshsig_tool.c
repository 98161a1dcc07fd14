#include "lib/formats/ssh/sshsig.h"

#include <stdio.h>
#include <stdlib.h>

/*
 * Lets test_sshsig.py ask lib/formats about files. Prints one line: what it found, or the class of
 * the error and its sentence.
 */

static int usage(void)
{
    (void)fprintf(stderr, "usage: sshsig_tool key FILE\n"
                          "       sshsig_tool peek SIGNATURE\n"
                          "       sshsig_tool verify KEY SIGNATURE MESSAGE NAMESPACE APPLICATION "
                          "[presence] [verification]\n");
    return 2;
}

static struct ps_bytes read_file(const char *path, struct ps_buf *out)
{
    FILE *file = fopen(path, "rbe");
    uint8_t octets[4096];
    size_t got;

    if (file == NULL) {
        perror(path);
        exit(2);
    }
    while ((got = fread(octets, 1, sizeof octets, file)) != 0) {
        ps_buf_put(out, ps_bytes(octets, got));
    }
    (void)fclose(file);
    if (ps_buf_status(out) != PS_OK) {
        exit(2);
    }
    return ps_buf_bytes(out);
}

static int say_error(enum ps_err err)
{
    printf("%s: %s\n", ps_err_info(err)->name, ps_detail()->text);
    return 0;
}

static void print_line(const struct ssh_key *key)
{
    PS_BUF_AUTO line = {.max = SSH_KEY_LINE_MAX};

    ssh_key_put_line(key, &line);
    printf("%.*s", PS_BYTES_FMT(ps_buf_bytes(&line)));
}

static int show_key(const char *path)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_BUF_AUTO line = {.max = 1 << 20};
    const enum ps_err err = ssh_key_parse_line(read_file(path, &line), &key);

    if (err != PS_OK) {
        return say_error(err);
    }
    printf("ok %s ", ssh_key_fingerprint(key));
    print_line(key);
    printf("\n");
    return 0;
}

static int show_claim(const char *path)
{
    SSHSIG_CLAIM_AUTO claim = {0};
    PS_BUF_AUTO armored = {.max = 1 << 20};
    const enum ps_err err = sshsig_peek(read_file(path, &armored), &claim);

    if (err != PS_OK) {
        return say_error(err);
    }
    printf("ok %s ", claim.namespace);
    print_line(claim.key);
    printf("\n");
    return 0;
}

/* files: key, signature, message */
static int verify(char *const *files, const char *namespace, const struct sshsig_policy *policy)
{
    PS_CLEANUP(ssh_key_free_cleanup) struct ssh_key *key = NULL;
    PS_BUF_AUTO line = {.max = 1 << 20};
    PS_BUF_AUTO armored = {.max = 1 << 20};
    PS_BUF_AUTO message = {.max = 1 << 20};
    struct sshsig_seen seen;
    enum ps_err err = ssh_key_parse_line(read_file(files[0], &line), &key);

    if (err == PS_OK) {
        err = sshsig_verify(read_file(files[1], &armored), key, namespace,
                            read_file(files[2], &message), policy, &seen);
    }
    if (err != PS_OK) {
        return say_error(err);
    }
    printf("ok %s flags %u counter %u\n", seen.sk ? "sk" : "plain", seen.flags, seen.counter);
    return 0;
}

int main(int argc, char **argv)
{
    struct sshsig_policy policy = {0};

    if (argc == 3 && strcmp(argv[1], "key") == 0) {
        return show_key(argv[2]);
    }
    if (argc == 3 && strcmp(argv[1], "peek") == 0) {
        return show_claim(argv[2]);
    }
    if (argc < 7 || strcmp(argv[1], "verify") != 0) {
        return usage();
    }
    policy.application = argv[6];
    for (int i = 7; i < argc; i++) {
        policy.presence = policy.presence || strcmp(argv[i], "presence") == 0;
        policy.verification = policy.verification || strcmp(argv[i], "verification") == 0;
    }
    return verify(argv + 2, argv[5], &policy);
}
