#include "keystore/catalog/appliance_record.h"

#include "keystore/catalog/record_fields.h"

static const struct json_field token_fields[] = {
    JSON_FIELD(struct token_record, firmware, JSON_KIND_STRING, true, TOKEN_TEXT_MAX),
    JSON_FIELD(struct token_record, label, JSON_KIND_STRING, true, TOKEN_TEXT_MAX),
    JSON_FIELD(struct token_record, manufacturer, JSON_KIND_STRING, true, TOKEN_TEXT_MAX),
    JSON_FIELD(struct token_record, model, JSON_KIND_STRING, true, TOKEN_TEXT_MAX),
    JSON_FIELD(struct token_record, module_hash, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct token_record, name, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct token_record, profile, JSON_KIND_STRING, true, TOKEN_TEXT_MAX),
    JSON_FIELD(struct token_record, profile_hash, JSON_KIND_OCTETS, false, PS_SHA256_LEN),
    JSON_FIELD(struct token_record, serial, JSON_KIND_STRING, true, TOKEN_TEXT_MAX),
};

/* Token information is text that the module made up: it may be UTF-8, but controls nothing. */
enum ps_err token_record_read(struct json_value row, struct token_record *ret_record)
{
    struct token_record record = {0};

    PS_TRY(json_read_object(row, token_fields, PS_COUNT_OF(token_fields), &record, NULL));
    PS_TRY(record_check_free_text("serial", record.serial));
    PS_TRY(record_check_free_text("label", record.label));
    PS_TRY(record_check_free_text("manufacturer", record.manufacturer));
    PS_TRY(record_check_free_text("model", record.model));
    PS_TRY(record_check_text("firmware", record.firmware));
    PS_TRY(record_check_text("profile", record.profile));
    if (record.module_hash.len != PS_SHA256_LEN) {
        return record_fail("module_hash", "not 32 octets");
    }
    if (record.profile_hash.data != NULL && record.profile_hash.len != PS_SHA256_LEN) {
        return record_fail("profile_hash", "not 32 octets");
    }
    *ret_record = record;
    return PS_OK;
}

void token_record_put(const struct token_record *record, struct ps_buf *out)
{
    record_put_text(out, "{\"firmware\":", record->firmware);
    record_put_text(out, ",\"label\":", record->label);
    record_put_text(out, ",\"manufacturer\":", record->manufacturer);
    record_put_text(out, ",\"model\":", record->model);
    record_put_octets(out, ",\"module_hash\":", record->module_hash);
    record_put_text(out, ",\"name\":", record->name);
    record_put_text(out, ",\"profile\":", record->profile);
    if (record->profile_hash.len != 0) {
        record_put_octets(out, ",\"profile_hash\":", record->profile_hash);
    }
    record_put_text(out, ",\"serial\":", record->serial);
    ps_buf_put_str(out, "}");
}

static const struct json_field appliance_fields[] = {
    JSON_FIELD(struct appliance_record, configuration, JSON_KIND_OCTETS, true, PS_SHA256_LEN),
    JSON_FIELD(struct appliance_record, created_s, JSON_KIND_U64, true, 0),
    JSON_FIELD(struct appliance_record, locked, JSON_KIND_BOOL, true, 0),
    JSON_FIELD(struct appliance_record, log_object_id, JSON_KIND_OCTETS, true, LOG_OBJECT_ID_MAX),
    JSON_FIELD(struct appliance_record, log_token, JSON_KIND_NAME, true, 0),
    JSON_FIELD(struct appliance_record, log_verifier, JSON_KIND_STRING, true, LOG_VERIFIER_MAX),
    JSON_FIELD(struct appliance_record, origin, JSON_KIND_STRING, true, ORIGIN_MAX),
    JSON_FIELD(struct appliance_record, practice, JSON_KIND_BOOL, true, 0),
};

enum ps_err appliance_record_read(struct json_value row, struct appliance_record *ret_record)
{
    struct appliance_record record = {0};

    PS_TRY(json_read_object(row, appliance_fields, PS_COUNT_OF(appliance_fields), &record, NULL));
    PS_TRY(record_check_text("origin", record.origin));
    PS_TRY(record_check_text("log_verifier", record.log_verifier));
    if (record.origin.len == 0 || record.log_verifier.len == 0 || record.log_object_id.len == 0) {
        return record_fail("origin", "origin, log_verifier and log_object_id are not empty");
    }
    if (record.configuration.len != PS_SHA256_LEN) {
        return record_fail("configuration", "not 32 octets");
    }
    *ret_record = record;
    return PS_OK;
}

void appliance_record_put(const struct appliance_record *record, struct ps_buf *out)
{
    record_put_octets(out, "{\"configuration\":", record->configuration);
    record_put_number(out, ",\"created_s\":", record->created_s);
    record_put_flag(out, ",\"locked\":", record->locked);
    record_put_octets(out, ",\"log_object_id\":", record->log_object_id);
    record_put_text(out, ",\"log_token\":", record->log_token);
    record_put_text(out, ",\"log_verifier\":", record->log_verifier);
    record_put_text(out, ",\"origin\":", record->origin);
    record_put_flag(out, ",\"practice\":", record->practice);
    ps_buf_put_str(out, "}");
}
