#include "tests/fuzz/together.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fuzz_member *members;

void fuzz_join(struct fuzz_member *member)
{
    member->next = members;
    members = member;
}

/* Gives each input to the target whose file FUZZ_TARGET names, of those that are linked together.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *name = getenv("FUZZ_TARGET");

    for (const struct fuzz_member *member = members; name != NULL && member != NULL;
         member = member->next) {
        if (strcmp(strrchr(member->file, '/') + 1, name) == 0) {
            return member->run(data, size);
        }
    }
    (void)fprintf(stderr, "FUZZ_TARGET names none of the targets of this program\n");
    abort();
}
