#include "frontends/plugins/registry/deliver.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/hash.h"
#include "lib/system/file.h"

#include <time.h>

#define CA_MAX      (1024u * 1024u)
#define MESSAGE_MAX 4096u

static bool is_set(const char *text)
{
    return text[0] != '\0';
}

enum ps_err delivery_open(const struct registry_config *config, struct delivery *ret_delivery)
{
    *ret_delivery = (struct delivery){.config = config};
    if (is_set(config->smtp.ca)) {
        PS_TRY(file_read(config->smtp.ca, CA_MAX, &ret_delivery->ca));
    }
    if (is_set(config->smtp.password)) {
        PS_CLEANUP(file_close_cleanup) int fd = -1;

        PS_TRY(file_open_private(config->smtp.password, &fd));
        PS_TRY(ps_secret_read_fd(fd, &ret_delivery->password));
    }
    return PS_OK;
}

void delivery_close(struct delivery *delivery)
{
    ps_buf_clear(&delivery->ca);
    ps_secret_free(delivery->password);
    delivery->password = NULL;
}

const char *delivery_channels(const struct registry_config *config)
{
    if (is_set(config->otp.directory)) {
        return "email phone";
    }
    return is_set(config->smtp.url) ? "email" : "";
}

static enum ps_err write_file(const struct delivery *delivery, const struct delivery_item *item)
{
    PS_BUF_AUTO path = {.max = 4096};
    PS_BUF_AUTO text = PS_BUF_SECRET(MESSAGE_MAX);

    ps_buf_printf(&path, "%s/%.*s.json", delivery->config->otp.directory,
                  PS_BYTES_FMT(item->person));
    ps_buf_put_u8(&path, '\0');
    ps_buf_put_str(&text, "{\"individual\":");
    ps_buf_put_json_string(&text, item->person);
    ps_buf_printf(&text, ",\"channel\":\"%s\",\"address\":", item->email ? "email" : "phone");
    ps_buf_put_json_string(&text, item->address);
    ps_buf_printf(&text, ",\"otp\":\"%s\",\"expires_in\":%llu}\n", item->otp,
                  (unsigned long long)item->life_s);
    PS_TRY(ps_buf_status(&path));
    PS_TRY(ps_buf_status(&text));
    return file_write_unsynced((const char *)path.data, ps_buf_bytes(&text), 0600);
}

/* RFC 5322 section 3.3, whatever the locale is. */
static void put_date(struct ps_buf *out, uint64_t now_ns)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const time_t now = (time_t)(now_ns / PS_NS_PER_S);
    struct tm at = {0};

    (void)gmtime_r(&now, &at);
    ps_buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + at.tm_wday * 3,
                  at.tm_mday, months + at.tm_mon * 3, 1900 + at.tm_year, at.tm_hour, at.tm_min,
                  at.tm_sec);
}

/* RFC 2047 section 2: what is not ASCII stands in a head as an encoded word. */
static void put_subject(struct ps_buf *out, struct ps_bytes subject)
{
    bool ascii = true;

    for (size_t i = 0; i < subject.len; i++) {
        ascii = ascii && subject.data[i] >= ' ' && subject.data[i] <= '~';
    }
    ps_buf_put_str(out, "Subject: ");
    /* An encoded word has at most 75 characters; 45 octets are 60 of them. */
    while (!ascii && subject.len != 0) {
        const size_t most = subject.len < 45 ? subject.len : 45;
        const size_t len = ps_utf8_prefix(ps_bytes(subject.data, most));

        ps_buf_put_str(out, "=?utf-8?B?");
        ps_buf_put_base64(out, ps_bytes(subject.data, len == 0 ? most : len));
        subject = ps_bytes_from(subject, len == 0 ? most : len);
        ps_buf_put_str(out, subject.len == 0 ? "?=" : "?=\r\n ");
    }
    ps_buf_put(out, ascii ? subject : ps_bytes(NULL, 0));
    ps_buf_put_str(out, "\r\n");
}

void delivery_put_message(const struct registry_smtp *smtp, const struct delivery_item *item,
                          uint64_t now_ns, struct ps_buf *out)
{
    uint8_t id[16];

    ps_random(id, sizeof id);
    ps_buf_printf(out, "From: <%s>\r\nTo: <%.*s>\r\n", smtp->from, PS_BYTES_FMT(item->address));
    put_subject(out, ps_bytes_str(smtp->subject));
    put_date(out, now_ns);
    ps_buf_put_str(out, "Message-ID: <");
    ps_buf_put_hex(out, ps_bytes(id, sizeof id));
    ps_buf_printf(out, "%s>\r\n", strchr(smtp->from, '@'));
    /* RFC 3834 section 5. */
    ps_buf_put_str(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                        "Content-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: 7bit\r\n\r\n");
    ps_buf_printf(out, "%s\r\n\r\n(%llu s)\r\n", item->otp, (unsigned long long)item->life_s);
}

static enum ps_err send_message(const struct delivery *delivery, const struct delivery_item *item)
{
    PS_BUF_AUTO message = PS_BUF_SECRET(MESSAGE_MAX);

    delivery_put_message(&delivery->config->smtp, item, ps_clock_real_ns(), &message);
    PS_TRY(ps_buf_status(&message));
    return smtp_send(delivery, item, ps_buf_bytes(&message));
}

enum ps_err delivery_send(const struct delivery *delivery, const struct delivery_item *item)
{
    if (item->email && is_set(delivery->config->smtp.url)) {
        return send_message(delivery, item);
    }
    if (is_set(delivery->config->otp.directory)) {
        return write_file(delivery, item);
    }
    return ps_fail(PS_E_NOT_FOUND, 0, "no way to send a one-time password");
}
