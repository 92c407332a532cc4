
/*
 * Captures of an application: what it says of an error of its own goes in,
 * Sentry is told of it as of the gateway's errors.
 */


#include "ngx_leadgen_ctx.h"


#define NGX_LEADGEN_ERRORS_TEXT      2048   /* bytes, of a message */
#define NGX_LEADGEN_ERRORS_WORD      200    /* of all other texts */
#define NGX_LEADGEN_ERRORS_FRAMES    100
#define NGX_LEADGEN_ERRORS_TAGS      32
#define NGX_LEADGEN_ERRORS_CONTEXTS  8
#define NGX_LEADGEN_ERRORS_LINE      100000000
#define NGX_LEADGEN_ERRORS_RETRY     60     /* seconds */


/* Lifetime: request. */

typedef struct {
    ngx_http_request_t        *request;
    ngx_leadgen_report_t       report;
    ngx_leadgen_finding_t      finding;
    ngx_leadgen_field_t       *field;       /* that is wrong */
} ngx_leadgen_errors_t;


static ngx_int_t ngx_leadgen_errors_read(ngx_leadgen_errors_t *errors,
    json_t *body);
static ngx_int_t ngx_leadgen_errors_choices(ngx_leadgen_errors_t *errors,
    json_t *body);
static ngx_int_t ngx_leadgen_errors_fingerprint(ngx_leadgen_errors_t *errors,
    json_t *body);
static ngx_int_t ngx_leadgen_errors_exception(ngx_leadgen_errors_t *errors,
    json_t *exception);
static ngx_int_t ngx_leadgen_errors_frame(ngx_leadgen_errors_t *errors,
    json_t *frame, size_t n);
static ngx_int_t ngx_leadgen_errors_contexts(ngx_leadgen_errors_t *errors,
    json_t *contexts);
static ngx_uint_t ngx_leadgen_errors_is_word(json_t *value,
    ngx_uint_t is_tag);
static ngx_int_t ngx_leadgen_errors_names(ngx_leadgen_errors_t *errors,
    json_t *object, const char *place, ngx_array_t *values);
static ngx_int_t ngx_leadgen_errors_is_taken(ngx_leadgen_errors_t *errors,
    const char *key);


/* The first is the default. */

static const char  *ngx_leadgen_errors_levels[] = {
    "error", "fatal", "warning", "info", "debug", NULL
};

static const char  *ngx_leadgen_errors_platforms[] = {
    "other", "python", "javascript", "node", "php", "ruby", "java", "csharp",
    "go", "c", "native", "elixir", "perl", NULL
};


ngx_int_t
ngx_leadgen_errors_serve(ngx_http_request_t *r, ngx_leadgen_ctx_t *ctx,
    json_t *body)
{
    u_char                        id[2 * NGX_LEADGEN_UUID_SIZE];
    ngx_int_t                     rc;
    ngx_leadgen_errors_t         *errors;
    ngx_leadgen_main_conf_t      *mcf;
    ngx_leadgen_location_conf_t  *lcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_leadgen_module);
    lcf = ngx_http_get_module_loc_conf(r, ngx_leadgen_module);

    errors = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_errors_t));
    if (errors == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    errors->field = ngx_pcalloc(r->pool, sizeof(ngx_leadgen_field_t));
    if (errors->field == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    errors->request = r;
    ngx_leadgen_incident_now(&errors->report, &mcf->sentry);

    rc = ngx_leadgen_errors_read(errors, body);

    if (rc == NGX_DECLINED) {
        return ngx_leadgen_reply_field(r, errors->field->name,
                                       errors->field->message);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (mcf->sentry.dsn.len == 0 || lcf->sentry == 0) {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_SENTRY_OFF,
                                         NULL, NULL);
    }

    errors->report.request_id = ctx->id_text;

    if (ctx->scope) {
        errors->report.trace = &ctx->scope->trace;
        errors->report.span_id = ctx->scope->span_id;
    }

    if (!ngx_leadgen_sentry_wanted(NGX_LEADGEN_SENTRY_ERROR)) {
        return ngx_leadgen_reply_retry(r, NGX_LEADGEN_PROBLEM_BUSY,
                                       NGX_LEADGEN_ERRORS_RETRY);
    }

    if (ngx_leadgen_incident_send(&errors->report, NGX_LEADGEN_SENTRY_ERROR)
        != NGX_OK)
    {
        return ngx_leadgen_reply_problem(r, NGX_LEADGEN_PROBLEM_TOO_LARGE,
                                         NULL, NULL);
    }

    ngx_hex_dump(id, errors->report.event_id, NGX_LEADGEN_UUID_SIZE);

    return ngx_leadgen_reply_tree(r, NGX_HTTP_ACCEPTED,
                                  json_pack("{s:o}", "id",
                                            json_stringn((char *) id,
                                                         sizeof(id))));
}


/* NGX_DECLINED: field and message say what is wrong. */

static ngx_int_t
ngx_leadgen_errors_read(ngx_leadgen_errors_t *errors, json_t *body)
{
    ngx_int_t               rc;
    json_int_t              user_id;
    ngx_pool_t             *pool;
    ngx_leadgen_report_t   *report = &errors->report;
    ngx_leadgen_finding_t  *finding = &errors->finding;

    static const char  *names[] = {
        "message", "level", "platform", "exception", "transaction", "user_id",
        "fingerprint", "tags", "contexts", NULL
    };

    pool = errors->request->pool;
    report->finding = finding;
    finding->mechanism = "generic";
    ngx_str_set(&report->logger, "application");

    if (ngx_array_init(&finding->frames, pool, 8,
                       sizeof(ngx_leadgen_finding_frame_t)) != NGX_OK
        || ngx_array_init(&finding->tags, pool, 4,
                          sizeof(ngx_leadgen_sentry_tag_t)) != NGX_OK
        || ngx_array_init(&finding->contexts, pool, 1,
                          sizeof(ngx_leadgen_finding_context_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if ((rc = ngx_leadgen_field_known(errors->field, body, "", names))
        || (rc = ngx_leadgen_field_text(errors->field, body, "", "message",
                                         NGX_LEADGEN_ERRORS_TEXT,
                                         &report->message))
        || (rc = ngx_leadgen_field_text(errors->field, body, "", "transaction",
                                        NGX_LEADGEN_ERRORS_WORD,
                                         &report->transaction))
        || (rc = ngx_leadgen_field_number(errors->field, body, "", "user_id",
                                           INT64_MAX, &user_id))
        || (rc = ngx_leadgen_errors_choices(errors, body))
        || (rc = ngx_leadgen_errors_fingerprint(errors, body))
        || (rc = ngx_leadgen_errors_exception(errors,
                                      json_object_get(body, "exception")))
        || (rc = ngx_leadgen_errors_names(errors,
                                          json_object_get(body, "tags"),
                                          "tags", &finding->tags))
        || (rc = ngx_leadgen_errors_contexts(errors,
                                      json_object_get(body, "contexts"))))
    {
        return rc;
    }

    report->user_id = user_id;

    if (report->message.len == 0 && report->type.len == 0) {
        return ngx_leadgen_field_wrong(errors->field,
                                       "Send a message, or an exception with "
                                       "its type.", "", "message");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_errors_choices(ngx_leadgen_errors_t *errors, json_t *body)
{
    ngx_int_t  rc;

    rc = ngx_leadgen_field_choice(errors->field, body, "level",
                                   ngx_leadgen_errors_levels,
                                   &errors->report.level);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_leadgen_field_choice(errors->field, body, "platform",
                                     ngx_leadgen_errors_platforms,
                                     &errors->finding.platform);
}


static ngx_int_t
ngx_leadgen_errors_fingerprint(ngx_leadgen_errors_t *errors, json_t *body)
{
    char        place[NGX_LEADGEN_FIELD_NAME];
    size_t      i;
    json_t     *list, *one;
    ngx_str_t  *text;

    list = json_object_get(body, "fingerprint");

    if (list == NULL) {
        return NGX_OK;
    }

    if (json_array_size(list) == 0
        || json_array_size(list) > NGX_LEADGEN_REPORT_FINGERPRINT)
    {
        return ngx_leadgen_field_wrong(errors->field,
                                       "Send a list of one to three texts, "
                                       "or leave it out.", "", "fingerprint");
    }

    json_array_foreach(list, i, one) {

        (void) snprintf(place, sizeof(place), "fingerprint.%zu", i);

        if (json_string_length(one) == 0
            || json_string_length(one) > NGX_LEADGEN_ERRORS_WORD)
        {
            return ngx_leadgen_field_wrong(errors->field,
                                           "Send a text of 1 to 200 bytes.",
                                           place, "");
        }

        text = &errors->report.fingerprint[i];
        text->data = (u_char *) json_string_value(one);
        text->len = json_string_length(one);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_errors_exception(ngx_leadgen_errors_t *errors, json_t *exception)
{
    size_t      i;
    json_t     *frames, *frame;
    ngx_int_t   rc;

    static const char  *names[] = { "type", "value", "frames", NULL };

    if (exception == NULL) {
        return NGX_OK;
    }

    if ((rc = ngx_leadgen_field_known(errors->field, exception, "exception",
                                      names))
        || (rc = ngx_leadgen_field_text(errors->field, exception, "exception",
                                         "type", NGX_LEADGEN_ERRORS_WORD,
                                         &errors->report.type))
        || (rc = ngx_leadgen_field_text(errors->field, exception, "exception",
                                         "value", NGX_LEADGEN_ERRORS_TEXT,
                                         &errors->report.value)))
    {
        return rc;
    }

    if (errors->report.type.len == 0) {
        return ngx_leadgen_field_wrong(errors->field,
                                       "Send the exception's type, such as "
                                       "ValueError.", "exception", "type");
    }

    frames = json_object_get(exception, "frames");

    if (frames && (!json_is_array(frames)
                   || json_array_size(frames) > NGX_LEADGEN_ERRORS_FRAMES))
    {
        return ngx_leadgen_field_wrong(errors->field,
                                       "Send a list of up to 100 frames, the "
                                       "innermost call last.",
                                       "exception", "frames");
    }

    json_array_foreach(frames, i, frame) {
        rc = ngx_leadgen_errors_frame(errors, frame, i);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_errors_frame(ngx_leadgen_errors_t *errors, json_t *frame,
    size_t n)
{
    char                          place[NGX_LEADGEN_FIELD_NAME];
    json_t                       *in_app;
    ngx_int_t                     rc;
    json_int_t                    lineno;
    ngx_leadgen_finding_frame_t  *found;

    static const char  *names[] = {
        "filename", "function", "module", "lineno", "in_app", NULL
    };

    found = ngx_array_push(&errors->finding.frames);
    if (found == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(found, sizeof(ngx_leadgen_finding_frame_t));

    (void) snprintf(place, sizeof(place), "exception.frames.%zu", n);
    rc = ngx_leadgen_field_known(errors->field, frame, place, names);

    if (rc != NGX_OK
        || (rc = ngx_leadgen_field_text(errors->field, frame, place, "filename",
                                        NGX_LEADGEN_ERRORS_WORD,
                                        &found->filename))
        || (rc = ngx_leadgen_field_text(errors->field, frame, place, "function",
                                        NGX_LEADGEN_ERRORS_WORD,
                                         &found->function))
        || (rc = ngx_leadgen_field_text(errors->field, frame, place, "module",
                                        NGX_LEADGEN_ERRORS_WORD,
                                         &found->module))
        || (rc = ngx_leadgen_field_number(errors->field, frame, place, "lineno",
                                           NGX_LEADGEN_ERRORS_LINE, &lineno)))
    {
        return rc;
    }

    in_app = json_object_get(frame, "in_app");

    if (in_app && !json_is_boolean(in_app)) {
        return ngx_leadgen_field_wrong(errors->field, "Send true or false.",
                                       place, "in_app");
    }

    found->lineno = lineno;
    found->in_app = !json_is_false(in_app);

    return NGX_OK;
}


static ngx_int_t
ngx_leadgen_errors_contexts(ngx_leadgen_errors_t *errors, json_t *contexts)
{
    char                            place[NGX_LEADGEN_FIELD_NAME];
    json_t                         *context;
    ngx_int_t                       rc;
    const char                     *name;
    ngx_leadgen_finding_context_t  *found;

    if (contexts == NULL) {
        return NGX_OK;
    }

    if (!json_is_object(contexts)
        || json_object_size(contexts) > NGX_LEADGEN_ERRORS_CONTEXTS)
    {
        return ngx_leadgen_field_wrong(errors->field,
                                       "Send an object with up to 8 objects.",
                                       "", "contexts");
    }

    json_object_foreach(contexts, name, context) {
        rc = ngx_leadgen_field_key(errors->field, "contexts", name);

        if (rc != NGX_OK) {
            return rc;
        }

        (void) snprintf(place, sizeof(place), "contexts.%s", name);

        if (ngx_strcmp(name, "trace") == 0 || ngx_strcmp(name, "runtime") == 0
            || ngx_strcmp(name, "os") == 0
            || ngx_strcmp(name, "response") == 0)
        {
            return ngx_leadgen_field_wrong(errors->field,
                                           "The gateway fills this one: use "
                                           "another name.", place, "");
        }

        found = ngx_array_push(&errors->finding.contexts);

        if (found == NULL
            || ngx_array_init(&found->values, errors->request->pool, 4,
                              sizeof(ngx_leadgen_sentry_tag_t))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        found->name.data = (u_char *) name;
        found->name.len = ngx_strlen(name);

        rc = ngx_leadgen_errors_names(errors, context, place, &found->values);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* An object of texts: tags, or one context. */

static ngx_int_t
ngx_leadgen_errors_names(ngx_leadgen_errors_t *errors, json_t *object,
    const char *place, ngx_array_t *values)
{
    json_t                    *value;
    ngx_int_t                  rc;
    const char                *key;
    ngx_leadgen_sentry_tag_t  *found;

    if (object == NULL) {
        return NGX_OK;
    }

    if (!json_is_object(object)
        || json_object_size(object) > NGX_LEADGEN_ERRORS_TAGS)
    {
        return ngx_leadgen_field_wrong(errors->field,
                                       "Send an object with up to 32 texts.",
                                       place, "");
    }

    json_object_foreach(object, key, value) {
        rc = ngx_leadgen_field_key(errors->field, place, key);

        if (rc != NGX_OK) {
            return rc;
        }

        if (values == &errors->finding.tags
            && ngx_leadgen_errors_is_taken(errors, key))
        {
            return ngx_leadgen_field_wrong(errors->field,
                                           "The gateway fills this one: use "
                                           "another name.", place, key);
        }

        if (!ngx_leadgen_errors_is_word(value,
                                        values == &errors->finding.tags))
        {
            return ngx_leadgen_field_wrong(errors->field,
                                           "Send a text of 1 to 200 bytes, for "
                                           "a tag in one line.", place, key);
        }

        found = ngx_array_push(values);
        if (found == NULL) {
            return NGX_ERROR;
        }

        found->key.data = (u_char *) key;
        found->key.len = ngx_strlen(key);
        found->value.data = (u_char *) json_string_value(value);
        found->value.len = json_string_length(value);
    }

    return NGX_OK;
}


/* A tag with control bytes Sentry takes from nobody. */

static ngx_uint_t
ngx_leadgen_errors_is_word(json_t *value, ngx_uint_t is_tag)
{
    ngx_str_t  text;

    text.data = (u_char *) json_string_value(value);
    text.len = json_string_length(value);

    return text.len
           && text.len <= NGX_LEADGEN_ERRORS_WORD
           && !(is_tag && ngx_leadgen_text_holds(&text)
                          & NGX_LEADGEN_TEXT_CONTROL);
}


/* Whether a tag of that name is the gateway's own. */

static ngx_int_t
ngx_leadgen_errors_is_taken(ngx_leadgen_errors_t *errors, const char *key)
{
    ngx_uint_t                        i;
    const ngx_leadgen_sentry_tag_t   *tag;
    const ngx_leadgen_sentry_conf_t  *conf = errors->report.conf;

    tag = conf->tags.elts;

    for (i = 0; i < conf->tags.nelts; i++) {
        if (tag[i].key.len == ngx_strlen(key)
            && ngx_strncmp(tag[i].key.data, key, tag[i].key.len) == 0)
        {
            return 1;
        }
    }

    return ngx_strcmp(key, "request_id") == 0;
}
