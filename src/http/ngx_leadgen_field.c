
/*
 * Fields of a body: one after the other goes in, its value comes out, or where
 * it stands and what to send in its place.
 */


#include "ngx_leadgen_ctx.h"


ngx_int_t
ngx_leadgen_field_key(ngx_leadgen_field_t *field, const char *place,
    const char *key)
{
    size_t  len;

    len = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "0123456789_.-");

    if (len == 0 || len > NGX_LEADGEN_FIELD_KEY || key[len] != '\0') {
        return ngx_leadgen_field_wrong(field,
                                       "Use names of 1 to 32 letters, "
                                       "digits, \"_\", \".\" and \"-\".",
                                       place, "");
    }

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_field_text(ngx_leadgen_field_t *field, json_t *object,
    const char *place, const char *name, size_t most, ngx_str_t *text)
{
    char     message[NGX_LEADGEN_FIELD_NAME];
    json_t  *value;

    value = json_object_get(object, name);

    if (value == NULL) {
        return NGX_OK;
    }

    if (json_string_length(value) == 0 || json_string_length(value) > most) {
        (void) snprintf(message, sizeof(message),
                        "Send a text of 1 to %zu bytes.", most);
        return ngx_leadgen_field_wrong(field, message, place, name);
    }

    text->data = (u_char *) json_string_value(value);
    text->len = json_string_length(value);

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_field_number(ngx_leadgen_field_t *field, json_t *object,
    const char *place, const char *name, json_int_t most, json_int_t *number)
{
    json_t  *value;

    value = json_object_get(object, name);
    *number = json_integer_value(value);

    if (value && (*number < 1 || *number > most)) {
        return ngx_leadgen_field_wrong(field, "Send a whole number from 1.",
                                       place, name);
    }

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_field_choice(ngx_leadgen_field_t *field, json_t *object,
    const char *name, const char **choices, const char **choice)
{
    size_t       len;
    char         message[NGX_LEADGEN_FIELD_NAME];
    json_t      *value;
    ngx_uint_t   i;

    value = json_object_get(object, name);
    *choice = choices[0];

    if (value == NULL) {
        return NGX_OK;
    }

    len = snprintf(message, sizeof(message), "Send one of");

    for (i = 0; choices[i]; i++) {

        if (json_is_string(value)
            && ngx_strcmp(json_string_value(value), choices[i]) == 0)
        {
            *choice = choices[i];
            return NGX_OK;
        }

        len += snprintf(message + len, sizeof(message) - len, "%s %s",
                        i ? "," : "", choices[i]);
    }

    (void) snprintf(message + len, sizeof(message) - len, ".");

    return ngx_leadgen_field_wrong(field, message, "", name);
}


ngx_int_t
ngx_leadgen_field_known(ngx_leadgen_field_t *field, json_t *object,
    const char *place, const char **names)
{
    json_t      *value;
    ngx_uint_t   i;
    const char  *name;

    if (!json_is_object(object)) {
        return ngx_leadgen_field_wrong(field, "Send an object.", place, "");
    }

    json_object_foreach(object, name, value) {

        for (i = 0; names[i] && ngx_strcmp(names[i], name) != 0; i++) {
            /* void */
        }

        if (names[i] == NULL) {
            return ngx_leadgen_field_wrong(field, "There is no such field.",
                                           place, name);
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_leadgen_field_wrong(ngx_leadgen_field_t *field, const char *message,
    const char *place, const char *name)
{
    (void) snprintf(field->name, sizeof(field->name), "%s%s%.64s", place,
                    *place && *name ? "." : "", name);
    (void) snprintf(field->message, sizeof(field->message), "%s", message);

    return NGX_DECLINED;
}
