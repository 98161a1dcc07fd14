#ifndef TESTS_BENCH_SCRIPTS_H
#define TESTS_BENCH_SCRIPTS_H

#include "tests/bench/load.h"

/*
 * What callers of the companions do. `config`: JSON, written by bench.py, with what each needs to
 * know; it outlives the script. `result`: gets what is to be verified.
 */

/* One login after the other, each of another person, from the browser's first request to userinfo;
 * of these the first `steps`, where config says so. */
struct load_script logins_script(struct ps_bytes config, unsigned connections,
                                 struct load_result *result);

/* A nonce and a credential, again and again. */
struct load_script wallets_script(struct ps_bytes config, unsigned connections,
                                  struct load_result *result);

#endif
