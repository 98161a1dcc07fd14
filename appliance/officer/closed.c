#include <netdb.h>
#include <stddef.h>

/*
 * What libcrypto knows to do and a program that decides offline never does: load a module, and ask
 * the network for a name. In the static program its calls end here (ld, --wrap), since the C
 * library's own would look for shared libraries at run time.
 */
void *closed_dlopen(const char *file, int mode) __asm__("__wrap_dlopen");
int closed_getaddrinfo(const char *name, const char *service, const struct addrinfo *request,
                       struct addrinfo **ret_result) __asm__("__wrap_getaddrinfo");
struct hostent *closed_gethostbyname(const char *name) __asm__("__wrap_gethostbyname");

void *closed_dlopen(const char *file, int mode)
{
    (void)file;
    (void)mode;
    return NULL;
}

int closed_getaddrinfo(const char *name, const char *service, const struct addrinfo *request,
                       struct addrinfo **ret_result)
{
    (void)name;
    (void)service;
    (void)request;
    (void)ret_result;
    return EAI_FAIL;
}

struct hostent *closed_gethostbyname(const char *name)
{
    (void)name;
    return NULL;
}
