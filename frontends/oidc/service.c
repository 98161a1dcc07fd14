#include "frontends/oidc/service.h"

#include "frontends/oidc/authenticate.h"
#include "frontends/oidc/code.h"
#include "frontends/oidc/discovery.h"
#include "frontends/oidc/envelope.h"
#include "frontends/oidc/pages/pages.h"
#include "frontends/oidc/token.h"
#include "lib/base/clock.h"

#define BASE PLACES_BASE

static void serve_jwks(struct exchange *exchange, const struct endpoint *endpoint)
{
    (void)endpoint;
    jwks_answer(exchange->service->jwks, exchange->request, &exchange->wait);
}

static const struct endpoint public_endpoints[] = {
    {BASE "/oauth/.well-known/jwks.json", HTTP_GET, serve_jwks, 0, 0},
    {"/.well-known/jwks.json", HTTP_GET, serve_jwks, 0, 0},
    {BASE "/csrf/token", HTTP_GET, csrf_tell, 0, 0},
    {BASE "/oauth/par", HTTP_POST, par_take, FORM_MAX, 0},
    {BASE "/authorization/v3/oauth-details", HTTP_POST, details_begin, ENVELOPE_MAX, 0},
    {BASE "/authorization/par-oauth-details", HTTP_POST, details_begin_pushed, ENVELOPE_MAX, 0},
    {BASE "/authorization/send-otp", HTTP_POST, authenticate_send_otp, ENVELOPE_MAX, 0},
    {BASE "/authorization/v3/authenticate", HTTP_POST, authenticate_person, ENVELOPE_CHALLENGE_MAX,
     0},
    {BASE "/authorization/claim-details", HTTP_GET, code_tell_claims, 0, 0},
    {BASE "/authorization/auth-code", HTTP_POST, code_give, ENVELOPE_MAX, 0},
    {BASE "/oauth/v2/token", HTTP_POST, token_give, FORM_MAX, 0},
    {BASE "/oidc/userinfo", HTTP_GET, userinfo_tell, 0, 0},
    {BASE "/oidc/userinfo", HTTP_POST, userinfo_tell, FORM_MAX, 0},
    {BASE "/.well-known/openid-configuration", HTTP_GET, discovery_tell, 0, 0},
    {BASE "/oidc/.well-known/openid-configuration", HTTP_GET, discovery_tell, 0, 0},
    {"/.well-known/openid-configuration", HTTP_GET, discovery_tell, 0, 0},
    {BASE "/oauth/.well-known/oauth-authorization-server", HTTP_GET, discovery_tell, 0, 0},
    {"/.well-known/oauth-authorization-server", HTTP_GET, discovery_tell, 0, 0},
    {"/.well-known/oauth-authorization-server" BASE, HTTP_GET, discovery_tell, 0, 0},
    {"/authorize", HTTP_GET, pages_enter, 0, 0},
    {"/authorize", HTTP_POST, pages_enter_posted, FORM_MAX, 0},
    {"/login", HTTP_POST, pages_step, FORM_MAX, 0},
    {"/login", HTTP_GET, pages_come_back, 0, 0},
    {"/login/{file}", HTTP_GET, page_serve_file, 0, 0},
    {"/health/live", HTTP_GET, endpoint_serve_live, 0, 0},
};

#define ALL_OF(method_shape) ((method_shape) | SHAPE_NAMES | SHAPE_CONFIG)

static const struct endpoint management_endpoints[] = {
    {BASE "/client-mgmt/oidc-client", HTTP_POST, client_create, ENVELOPE_MAX, SHAPE_CREATE},
    {BASE "/client-mgmt/oidc-client/{id}", HTTP_PUT, client_change, ENVELOPE_MAX, SHAPE_UPDATE},
    {BASE "/client-mgmt/oauth-client", HTTP_POST, client_create, ENVELOPE_MAX,
     SHAPE_CREATE | SHAPE_NAMES},
    {BASE "/client-mgmt/oauth-client/{id}", HTTP_PUT, client_change, ENVELOPE_MAX,
     SHAPE_UPDATE | SHAPE_NAMES},
    {BASE "/client-mgmt/client", HTTP_POST, client_create, ENVELOPE_MAX, ALL_OF(SHAPE_CREATE)},
    {BASE "/client-mgmt/client/{id}", HTTP_PUT, client_change, ENVELOPE_MAX, ALL_OF(SHAPE_UPDATE)},
    {BASE "/client-mgmt/client/{id}", HTTP_PATCH, client_change, ENVELOPE_MAX, ALL_OF(SHAPE_PATCH)},
    {"/health/live", HTTP_GET, endpoint_serve_live, 0, 0},
};

struct authorize_terms service_terms(const struct service *service, const struct client *client,
                                     bool pushed)
{
    return (struct authorize_terms){
        .client = client,
        .acrs = service->acrs,
        .authorize_scopes = ps_bytes_str(service->config->oidc.authorize_scopes),
        .credential_scopes = ps_bytes_str(service->config->oidc.credential_scopes),
        .pushed = pushed,
        .first = service->readers[0],
        .second = service->readers[1],
    };
}

void oidc_refuse_caller(struct http_request *request, unsigned status, const char *code)
{
    const struct http_answer answer = {.status = status, .media = "application/json"};

    envelope_put_error(code, ps_clock_real_ns(), http_request_out(request));
    http_answer(request, &answer);
}

const struct endpoint_table oidc_public = {public_endpoints, PS_COUNT_OF(public_endpoints)};
const struct endpoint_table oidc_management = {management_endpoints,
                                               PS_COUNT_OF(management_endpoints)};
