# Access tokens: what is not exactly one of ours is refused.

use strict;
use warnings;

use FindBin;
BEGIN { push @INC, "$FindBin::Bin/lib"; }
use Test::Nginx::Socket 'no_plan';
use Leadgen;
use Digest::SHA qw(hmac_sha256 hmac_sha512);
use File::Temp ();
use IPC::Open2 qw(open2);
use MIME::Base64 qw(encode_base64url);

our $plain = 'leadgen_jwt_key file:$TEST_NGINX_KEY alg=HS256 kid=test;';
our $other = 'c2a7519e84d03f6b1c58e7a09d24b6f3805e1b9c47d2a6f83b190e5c7d48f6a2';

# An identity provider's key, of which the gateway has the public part.

our $provider = File::Temp::tempdir(CLEANUP => 1);
our $rs256 = { alg => 'RS256', typ => 'JWT', kid => 'idp' };

system("openssl genpkey -algorithm RSA -out $provider/private.pem 2>/dev/null"
       . " && openssl pkey -in $provider/private.pem -pubout -out $provider/public.pem") == 0
    or die "could not make a key\n";
our $public = do { local (@ARGV, $/) = "$provider/public.pem"; <> };
$ENV{TEST_NGINX_PROVIDER} = "$provider/public.pem";

our $header = { alg => 'HS256', typ => 'JWT', kid => 'test' };


# The claims that token() would sign, with others instead.

sub claims {
    my %claims = (iss => 'leadgen', sub => '3', email => 'user@example.com',
                  role => 'user', sid => '01890000-0000-7000-8000-000000000001',
                  iat => time, exp => time + 900, @_);

    delete @claims{grep { !defined $claims{$_} } keys %claims};

    return \%claims;
}


# A header in which something is otherwise.

sub with { return jws({ %$header, @_ }, claims()) }


# A text in which LATER is a time that a token may well expire at.

sub later { return $_[0] =~ s/LATER/time + 900/ger }


sub encoded { return encode_base64url(later($_[0])) }


# A token's text changed by some code; the signature no longer fits, or does.

sub changed {
    my ($code, $token) = @_;

    local $_ = $token // token();
    $code->();

    return $_;
}


# A token that is signed, but whose second part is that text.

sub payload {
    my ($text) = @_;

    return jws($header, later($text));
}


sub signed_text {
    my ($text) = @_;

    return "$text." . encoded(hmac_sha256($text, $Leadgen::key));
}


# A token of the provider's: header and payload, signed by its key.

sub provided {
    my ($header, $claims) = @_;
    my $text = Leadgen::jws($header, $claims);

    $text =~ s/\.[^.]*$//;
    my $pid = open2(my $out, my $in, 'openssl', 'dgst', '-sha256', '-sign', "$provider/private.pem");
    print $in $text;
    close $in;
    my $signature = do { local $/; <$out> };
    waitpid $pid, 0;

    return "$text." . encoded($signature);
}


sub provided_claims {
    return claims(iss => 'https://idp', aud => ['api'], role => undef, sid => undef,
                  realm_access => { roles => ['offline_access', 'staff'] }, @_);
}


# The last character of a signature of 32 bytes says 4 bits; those left over are
# to be zero.

sub alias {
    my ($n) = @_;
    my $alphabet = join '', 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_';

    return changed(sub {
        s/(.)$/substr $alphabet, index($alphabet, $1) + $n, 1/e
    });
}


add_block_preprocessor(sub {
    my ($block) = @_;

    my $keys = $block->keys // $plain;

    # nobody is asked whether users of a provider are there
    my $database = $keys =~ /issuer=https:/ ? '' : <<'EOC';
    leadgen_spool $TEST_NGINX_SPOOL size=4m;
    leadgen_database "$TEST_NGINX_DATABASE";
EOC
    $block->set_value(http_config => <<"EOC");
    leadgen_zone leadgen:1m;
    $keys
    $database
EOC
    $block->set_value(config => <<'EOC');
    large_client_header_buffers 4 16k;
    location = /t {
        leadgen_policy { GET /t authenticated; }
        add_header X-Told "$leadgen_user_id|$leadgen_role" always;
        root html;
    }
EOC
    $block->set_value(user_files => ">>> t\nserved\n");

    # their times count from now, not from when this file was read
    my $tokens = eval($block->tokens // '[]') // die;    ## no critic
    my @tokens = map { "Authorization: Bearer $_\n" } @$tokens;
    $block->set_value(more_headers => \@tokens) if @tokens;
    my $n = @tokens || @{$block->more_headers};

    $block->set_value(request => [('GET /t') x $n]);
    return if defined $block->error_code;

    my $problem = $block->problem;
    $block->set_value(error_code => [($problem ? 401 : 200) x $n]);
    $block->set_value(response_body_like => [
        ($problem ? "\"/docs#problem-$problem\"" : '^served$') x $n]);
});

log_level('info');
run_tests();

__DATA__

=== TEST 1: good tokens
--- tokens
[::token(), ::token(role => 'admin'), ::jws({ alg => 'HS256' }, ::claims()),
 ::jws({ alg => 'HS256', kid => 'test' }, ::claims()), ::with(typ => 'jwt'),
 ::with(typ => 'at+jwt'), ::with(typ => 'AT+JWT'), ::with(typ => 'application/at+jwt'),
 ::with(jku => 'http://127.0.0.1:1/', x5u => 'http://127.0.0.1:1/', x5c => ['MIIB'], jwk => { kty => 'oct', k => 'AAAA' }),
 ::token(exp => time + 900.5, iat => time - 0.5, nbf => time + 1.5),
 ::jws($::header, ::claims(sid => undef, jti => undef)),
 ::jws($::header, ::claims(iss => undef)), ::jws($::header, ::claims(iss => 'x')),
 ::jws($::header, ::claims(role => undef, email => undef)),
 ::jws($::header, ::claims(something => [1, { else => undef }]))]



=== TEST 2: no credential that is a token
--- more_headers eval
['X-None: x', 'Authorization: Basic dXNlcjpwYXNz', 'Authorization: Bearer',
 'Authorization: ' . ::token(), 'Authorization: Token ' . ::token(),
 'Authorization: Bearer=' . ::token(), 'Authorization:Bearer' . ::token(),
 'Cookie: access_token=' . ::token(), 'X-Authorization: Bearer ' . ::token()]
--- problem chomp
unauthenticated



=== TEST 3: the scheme is not case-sensitive
--- more_headers eval
[map { "Authorization: $_ " . ::token() } 'bearer', 'BEARER', 'bEARER']



=== TEST 4: exactly one space, and nothing behind
--- tokens
[' ' . ::token(), "\t" . ::token(), ::token() . ' x', ::token() . ', Basic x',
 ::token() . ';', '"' . ::token() . '"', ::token() . ' ' . ::token()]
--- problem chomp
token-invalid



=== TEST 5: garbage
--- tokens
['x', '.', '..', '...', 'a.b.c', '{}', 'null', 'undefined', "\xff\xfe", '%00',
 '../../etc/passwd', "' or 1=1 --", '.' x 1000, ('a' x 300) . '.b.c']
--- problem chomp
token-invalid



=== TEST 6: expired
--- tokens
[::token(exp => 1), ::token(exp => time), ::token(exp => time - 1),
 ::token(exp => time - 86400)]
--- problem chomp
token-expired



=== TEST 7: exp is needed, a positive integer, and not beyond all times
--- tokens
[::token(exp => undef), map { ::payload('{"sub":"3","role":"admin","exp":' . $_ . '}') }
 '"LATER"', 'LATER.', '9.9e9', '1e308', '-1', '0', 'null', 'true',
 '[LATER]', '{}', '9007199254740992', '9223372036854775807',
 '9223372036854775808', 'LATERLATER999', '1e9999', '0x7fffffff',
 '0LATER', '+LATER']
--- problem chomp
token-invalid



=== TEST 8: nbf and iat
--- tokens
[::token(nbf => time + 120), ::token(iat => time + 120), ::token(iat => undef, nbf => time + 120),
 map { my $t = $_; map { ::payload(qq({"sub":"3","exp":LATER,"$t":$_})) }
       '"1"', '0.5', '-1', 'null', '1e308', '[]' } 'nbf', 'iat']
--- problem chomp
token-invalid



=== TEST 9: nbf and iat within the leeway
--- tokens
[::token(nbf => time + 10), ::token(iat => time + 10), ::token(nbf => time - 10),
 ::token(iat => undef)]



=== TEST 10: algorithms that are not the key's
--- tokens
[map { ::with(alg => $_) } 'none', 'None', 'NoNe', 'NONE', '', 'hs256', 'HS384',
 'HS512', 'RS256', 'ES256', 'PS256', 'EdDSA', 'HS256 ', "HS256\0", 256, undef,
 ['HS256'], { a => 1 }, JSON::PP::true()]
--- problem chomp
token-invalid



=== TEST 11: no algorithm, and no signature
--- tokens
[::jws({ typ => 'JWT', kid => 'test' }, ::claims()),
 (map { ::changed(sub { s/[^.]*$// }, ::jws({ alg => $_, kid => 'test' }, ::claims())) }
  'none', 'None', 'HS256'),
 ::changed(sub { s/\.[^.]*$// }, ::jws({ alg => 'none', kid => 'test' }, ::claims()))]
--- problem chomp
token-invalid



=== TEST 12: another key, or another hash
--- tokens
[::jws($::header, ::claims(), $::other), ::jws($::header, ::claims(), ''),
 ::jws($::header, ::claims(), "$Leadgen::key\n"), ::jws($::header, ::claims(), substr($Leadgen::key, 0, 32)),
 ::changed(sub { s/^(.*)\..*$/"$1." . ::encoded(Digest::SHA::hmac_sha512($1, $Leadgen::key))/e }),
 ::changed(sub { s/^(.*)\..*$/"$1." . ::encoded(Digest::SHA::sha256($1 . $Leadgen::key))/e })]
--- problem chomp
token-invalid



=== TEST 13: the signature as hexadecimal, cut, longer, or of another token
--- tokens
[::changed(sub { s/^(.*)\..*$/"$1." . Digest::SHA::hmac_sha256_hex($1, $Leadgen::key)/e }),
 ::changed(sub { s/..$// }), ::changed(sub { s/.{22}$// }), ::changed(sub { s/$/AA/ }),
 ::changed(sub { s/$/A/ }), ::changed(sub { s/[^.]*$/'A' x 43/e }),
 ::changed(sub { my $s = ::token(role => 'admin'); $s =~ s/.*\.//; s/[^.]*$/$s/ })]
--- problem chomp
token-invalid



=== TEST 14: kid is one of ours, or is not there
--- tokens
[(map { ::with(kid => $_) } 'other', 'TEST', 'test ', "test\0", '', '../../dev/null',
  "' or 1=1 --", 'x' x 500, 1, undef, ['test'], {}, JSON::PP::true())]
--- problem chomp
token-invalid



=== TEST 15: two keys: each by its kid
--- before
open my $file, '>', "$ENV{TEST_NGINX_KEY}.other" or die; print $file $::other; close $file;
--- keys eval
"$::plain leadgen_jwt_key file:\$TEST_NGINX_KEY.other kid=second;"
--- tokens
[::token(), ::jws({ alg => 'HS256', kid => 'second' }, ::claims(), $::other)]



=== TEST 16: two keys: none by guessing
--- before
open my $file, '>', "$ENV{TEST_NGINX_KEY}.other" or die; print $file $::other; close $file;
--- keys eval
"$::plain leadgen_jwt_key file:\$TEST_NGINX_KEY.other kid=second;"
--- tokens
[::jws({ alg => 'HS256' }, ::claims()), ::jws({ alg => 'HS256' }, ::claims(), $::other),
 ::jws({ alg => 'HS256', kid => 'second' }, ::claims()), ::jws($::header, ::claims(), $::other)]
--- problem chomp
token-invalid



=== TEST 17: what would change a token's meaning
--- tokens
[map { ::with(@$_) } ['crit', ['exp']], ['crit', []], ['crit', 'x'], ['crit', ['b64']],
 ['b64', JSON::PP::false()], ['b64', JSON::PP::true()], ['enc', 'A128GCM'], ['zip', 'DEF'],
 ['epk', {}], ['crit', undef]]
--- problem chomp
token-invalid



=== TEST 18: another type of token
--- tokens
[map { ::with(typ => $_) } 'refresh', 'rt+jwt', 'JOSE', 'id_token', '', 'JWT ', 1, undef, ['JWT'],
 'application/jwt', 'JWE']
--- problem chomp
token-invalid



=== TEST 19: keys in the header are not looked at, and nobody is asked for them
--- tokens
[map { ::jws({ %$::header, @$_ }, ::claims(), $::other) }
 ['jwk', { kty => 'oct', k => ::encoded($::other) }],
 ['jku', "http://127.0.0.1:$ENV{TEST_NGINX_SERVER_PORT}/jwks"],
 ['x5u', "http://127.0.0.1:$ENV{TEST_NGINX_SERVER_PORT}/x5u"], ['x5c', ['MIIB']]]
--- problem chomp
token-invalid



=== TEST 20: duplicate names
--- tokens
[::jws('{"alg":"HS256","alg":"HS256"}', ::claims()), ::jws('{"alg":"none","alg":"HS256"}', ::claims()),
 ::jws('{"alg":"HS256","\u0061lg":"none"}', ::claims()),
 map { ::payload($_) } '{"sub":"3","sub":"1","exp":LATER}',
 '{"sub":"3","exp":1,"exp":LATER}', '{"sub":"3","exp":LATER,"role":"user","role":"admin"}',
 '{"sub":"3","exp":LATER,"x":{"a":1,"a":2}}']
--- problem chomp
token-invalid



=== TEST 21: header or payload that are no JSON object
--- tokens
[(map { ::jws($_, ::claims()) } '', '[]', 'null', '"HS256"', '{"alg":"HS256"', '{"alg":"HS256"} x',
  "\xef\xbb\xbf" . '{"alg":"HS256"}', '{"alg":"HS256",}', "{'alg':'HS256'}", '{"alg":"HS256"}{}',
  "{\"alg\":\"HS256\",\"x\":\"\xff\"}"),
 (map { ::payload($_) } '', '[]', 'null', '3', '{"sub":"3","exp":LATER',
  '{"sub":"3","exp":LATER}x', '[{"sub":"3","exp":LATER}]',
  "{\"sub\":\"3\",\"exp\":LATER,\"x\":\"\xc0\xaf\"}",
  '{"sub":"3","exp":LATER,"x":' . '[' x 40 . ']' x 40 . '}',
  '{"sub":"3","exp":LATER,"x":NaN}')]
--- problem chomp
token-invalid



=== TEST 22: as many parts as there are
--- tokens
[::changed(sub { s/\.[^.]*$// }), ::changed(sub { s/$/./ }), ::changed(sub { s/$/.x.y/ }),
 ::changed(sub { s/^/./ }), ::changed(sub { s/\./../ }), ::changed(sub { s/^[^.]*// }),
 ::changed(sub { tr/.//d }), ::changed(sub { s/\.[^.]*\./../ })]
--- problem chomp
token-invalid



=== TEST 23: base64url as it stands in RFC 7515, and no other way
--- tokens
[::changed(sub { s/$/=/ }), ::changed(sub { s/$/==/ }), ::changed(sub { s/\./=./ }),
 ::alias(1), ::alias(2), ::alias(3),
 ::signed_text(::encoded('{"alg":"HS256","kid":"test"}') . '=.' . ::encoded('{"sub":"3","exp":LATER}')),
 ::signed_text(::encoded('{"alg":"HS256","kid":"test"}') . '.' . ::encoded('{"sub":"3","exp":LATER,"x":"?"}') . '='),
 ::signed_text(MIME::Base64::encode_base64('{"alg":"HS256","kid":"test","x":"~~~???"}', '') . '.'
               . ::encoded('{"sub":"3","exp":LATER}')),
 ::signed_text(::encoded('{"alg":"HS256","kid":"test"}') . '. ' . ::encoded('{"sub":"3","exp":LATER}')),
 ::signed_text(::encoded('{"alg":"HS256","kid":"test"}') . ".\t" . ::encoded('{"sub":"3","exp":LATER}')),
 ::signed_text('%65' . ::encoded('{"alg":"HS256"}') . '.' . ::encoded('{"sub":"3","exp":LATER}')),
 ::signed_text('{"alg":"HS256"}.' . ::encoded('{"sub":"3","exp":LATER}'))]
--- problem chomp
token-invalid



=== TEST 24: too big, as a whole or in its header
--- tokens
[::token(x => 'x' x 5950), ::with(x => 'x' x 800)]
--- problem chomp
token-invalid



=== TEST 25: big, and good
--- tokens
[::token(x => 'x' x 5800), ::with(x => 'x' x 600)]



=== TEST 26: bigger than nginx takes
--- tokens
[::token(x => 'x' x 13000)]
--- error_code eval
[400]



=== TEST 27: sub is a user's number
--- tokens
[(map { ::token(sub => $_) } '0', '-1', '1.5', '+1', '01', ' 1', '1 ', '1e3', 'admin', '', "1\0",
  '9007199254740993', 'LATER999999999', '18446744073709551617', '0x1', [1], {}),
 ::token(sub => undef), ::payload('{"sub":1,"exp":LATER}'),
 ::payload('{"sub":null,"exp":LATER}')]
--- problem chomp
token-invalid



=== TEST 28: a user's number, up to 2^53
--- tokens
[::token(sub => '1'), ::token(sub => '9007199254740992')]
--- response_headers eval
['X-Told: 1|user', 'X-Told: 9007199254740992|user']



=== TEST 29: sid, where there is one, is a UUID
--- tokens
[map { ::token(sid => $_) } 'x', '', '01890000-0000-7000-8000-00000000000', [],
 '01890000-0000-7000-8000-00000000000g', '{01890000-0000-7000-8000-000000000001}',
 '01890000000070008000000000000001', '01890000-0000-7000-8000-000000000001 ', {}, JSON::PP::true()]
--- problem chomp
token-invalid



=== TEST 30: role and e-mail address are no longer than such a thing is
--- tokens
[::token(email => 'x' x 255), ::jws($::header, ::claims(role => 'x' x 65))]
--- problem chomp
token-invalid



=== TEST 31: a role that is no text is none
--- tokens
[::jws($::header, ::claims(role => ['admin'])), ::jws($::header, ::claims(role => { admin => 1 }))]
--- response_headers eval
['X-Told: 3|', 'X-Told: 3|']



=== TEST 32: for somebody else, where nobody is configured
--- tokens
[::token(aud => 'leadgen'), ::token(aud => ['leadgen']), ::token(aud => []), ::token(aud => ''), ::token(aud => {})]
--- problem chomp
token-invalid



=== TEST 33: for the audience that is configured
--- keys chomp
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test audience=api;
--- tokens
[::token(aud => 'api'), ::token(aud => ['api']), ::token(aud => ['web', 'api']), ::token(aud => [('x') x 63, 'api'])]



=== TEST 34: for another audience than is configured
--- keys chomp
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test audience=api;
--- tokens
[::token(aud => 'API'), ::token(aud => 'api '), ::token(aud => 'ap'), ::token(aud => ['web']), ::token(aud => [['api']]),
 ::token(aud => { api => 1 }), ::token(aud => ''), ::token(aud => []), ::token(aud => [('x') x 64, 'api']), ::token(), ::token(aud => 1)]
--- problem chomp
token-invalid



=== TEST 35: from the issuer that is configured
--- keys chomp
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test alg=HS256 issuer=leadgen;
--- tokens
[::token()]



=== TEST 36: from another issuer than is configured
--- keys chomp
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test alg=HS256 issuer=leadgen;
--- tokens
[::token(iss => 'Leadgen'), ::token(iss => 'leadgen '), ::token(iss => ''), ::token(iss => undef), ::token(iss => ['leadgen']),
 ::token(iss => 'https://leadgen')]
--- problem chomp
token-invalid



=== TEST 37: no token stands in a log, good or bad
--- log_level: debug
--- tokens
[::token(), ::jws($::header, ::claims(), $::other)]
--- error_code eval
[200, 401]
--- no_error_log eval
[qr/leadgen.*eyJ/]



=== TEST 38: a provider's tokens beside our own, with their roles in our words
--- keys
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test;
leadgen_jwt_key file:$TEST_NGINX_PROVIDER kid=idp issuer=https://idp audience=api role_claim=realm_access.roles role_map=staff:manager,boss:admin;
--- tokens
[::token(), ::provided($::rs256, ::provided_claims()),
 ::provided($::rs256, ::provided_claims(realm_access => { roles => ['boss', 'staff'] })),
 ::provided($::rs256, ::provided_claims(realm_access => { roles => ['boss'] })),
 ::provided({ alg => 'RS256' }, ::provided_claims(sub => '77')),
 ::provided($::rs256, ::provided_claims(realm_access => { roles => ['admin'] })),
 ::provided($::rs256, ::provided_claims(realm_access => undef, role => 'admin'))]
--- response_headers eval
['X-Told: 3|user', 'X-Told: 3|manager', 'X-Told: 3|manager', 'X-Told: 3|admin', 'X-Told: 77|manager', 'X-Told: 3|', 'X-Told: 3|']



=== TEST 39: a provider's tokens that are not for us, or nobody's here
--- keys
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test;
leadgen_jwt_key file:$TEST_NGINX_PROVIDER kid=idp issuer=https://idp audience=api role_claim=realm_access.roles role_map=staff:manager,boss:admin;
--- tokens
[::provided($::rs256, ::provided_claims(iss => 'https://other')), ::provided($::rs256, ::provided_claims(iss => undef)),
 ::provided($::rs256, ::provided_claims(aud => 'web')), ::provided($::rs256, ::provided_claims(aud => undef)),
 ::provided($::rs256, ::provided_claims(sub => 'c0ffee00-0000-4000-8000-000000000001')),
 ::provided($::rs256, ::provided_claims(exp => undef)),
 ::provided({ %$::rs256, kid => 'test' }, ::provided_claims()),
 ::provided({ %$::rs256, kid => 'other' }, ::provided_claims()),
 ::provided({ %$::rs256, kid => '' }, ::provided_claims()),
 ::provided({ %$::rs256, kid => "idp\0" }, ::provided_claims()),
 ::provided({ %$::rs256, kid => 'IDP' }, ::provided_claims()),
 ::provided({ %$::rs256, alg => 'HS256' }, ::provided_claims()),
 ::provided({ %$::rs256, alg => 'PS256' }, ::provided_claims()),
 ::provided({ %$::rs256, alg => 'RS512' }, ::provided_claims()),
 ::provided({ %$::rs256, alg => 'none' }, ::provided_claims()),
 (map { ::provided({ %$::rs256, $_ => 'x' }, ::provided_claims()) } qw(crit enc zip b64)),
 ::provided({ %$::rs256, crit => [] }, ::provided_claims())]
--- problem chomp
token-invalid



=== TEST 40: a public key is no secret
--- keys
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test;
leadgen_jwt_key file:$TEST_NGINX_PROVIDER kid=idp issuer=https://idp audience=api role_claim=realm_access.roles role_map=staff:manager,boss:admin;
--- tokens
[map { my $secret = $_; map { ::jws($_, ::provided_claims(), $secret) } { alg => 'HS256' }, { alg => 'HS256', kid => 'idp' },
       { alg => 'HS256', kid => 'test' }, $::rs256, { alg => 'RS256' } }
 $::public, $::public =~ s/\n$//r, $::public =~ s/\n//gr, $::public =~ s/-----[^-]*-----|\n//gr,
 MIME::Base64::decode_base64($::public =~ s/-----[^-]*-----//gr), '']
--- problem chomp
token-invalid



=== TEST 41: a signature of RSA that is changed, longer, shorter or nothing
--- keys
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test;
leadgen_jwt_key file:$TEST_NGINX_PROVIDER kid=idp issuer=https://idp audience=api role_claim=realm_access.roles role_map=staff:manager,boss:admin;
--- tokens
[map { ::changed($_, ::provided($::rs256, ::provided_claims())) }
 sub { s/[^.]*$// }, sub { s/.$// }, sub { s/..$// }, sub { s/$/A/ }, sub { s/$/AA/ }, sub { s/$/=/ },
 sub { s/[^.]*$/'A' x 342/e }, sub { s/([^.]*)$/$1$1/ }, sub { s/\.([^.]*)$/'.AA' . substr $1, 0, -2/e },
 sub { s/[^.]*$/'_' x 342/e }, sub { s/\.([^.]{100})(.)/".$1" . ($2 eq 'A' ? 'B' : 'A')/e },
 sub { s/[^.]*$/'x' x 700/e }]
--- problem chomp
token-invalid



=== TEST 42: older than tokens of that key get
--- tokens
[::token(exp => time + 3660), ::token(iat => time - 3000, exp => time + 660),
 ::token(iat => undef, exp => time + 3700), ::token(iat => 1, exp => time + 60)]
--- problem chomp
token-invalid



=== TEST 43: nearly as old as tokens of that key get
--- tokens
[::token(exp => time + 3595), ::token(iat => time - 3000, exp => time + 595),
 ::token(iat => undef, exp => time + 3595)]



=== TEST 44: tokens of two keys, which get older, and not so old
--- keys
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test max_age=15m;
leadgen_jwt_key file:$TEST_NGINX_PROVIDER kid=idp issuer=https://idp audience=api max_age=10h;
--- tokens
[::token(), ::provided($::rs256, ::provided_claims(exp => time + 35995))]
--- response_headers eval
['X-Told: 3|user', 'X-Told: 3|']



=== TEST 45: older than those of either
--- keys
leadgen_jwt_key file:$TEST_NGINX_KEY kid=test max_age=15m;
leadgen_jwt_key file:$TEST_NGINX_PROVIDER kid=idp issuer=https://idp audience=api max_age=10h;
--- tokens
[::token(exp => time + 960), ::provided($::rs256, ::provided_claims(exp => time + 36060))]
--- problem chomp
token-invalid
