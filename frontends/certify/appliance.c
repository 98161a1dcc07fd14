#include "frontends/certify/appliance.h"

enum ps_err appliance_failed(struct privyseal *client, enum privyseal_result result,
                             const struct privyseal_answer *answer)
{
    const bool away =
        result == PRIVYSEAL_UNREACHABLE || result == PRIVYSEAL_TIMEOUT ||
        (result == PRIVYSEAL_REFUSED && (answer->status == 503 || answer->status == 429));

    return ps_fail(away ? PS_E_BUSY : PS_E_INTERNAL, (long)result, "the appliance: %.180s",
                   result == PRIVYSEAL_REFUSED ? answer->problem.detail
                                               : privyseal_last_error(client));
}
