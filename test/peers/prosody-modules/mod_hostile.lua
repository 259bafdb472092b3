-- A server that attacks what it forwards between clients, for tests. What it does at the moment is the first line of the
-- file `hostile_file`: nothing, flip, drop, swap, replay, replay-old, fingerprint, no-security.
local st = require "util.stanza";
local base64 = require "util.encodings".base64;

local file = module:get_option_string("hostile_file");
local blocks, held, said = 0, nil, nil;
-- What passed before, up to a bound: to be sent once more, to whom it was for.
local recorded = {};

local function mode()
	local f = io.open(file);
	if not f then return ""; end
	local text = f:read("*l");
	f:close();
	return text or "";
end

-- Goes on its way past this module.
local function forward(stanza)
	module:send(st.clone(stanza));
end

local function flip(text)
	local bytes = base64.decode(text);
	local at = math.ceil(#bytes / 2);
	return base64.encode(bytes:sub(1, at - 1)..string.char((bytes:byte(at) + 1) % 256)..bytes:sub(at + 1));
end

local function each(element, name, act)
	element:maptags(function (child)
		if child.name == name then return act(child); end
		each(child, name, act);
		return child;
	end);
end

local attacks = {};

function attacks.flip(_, data)
	if data and #data:get_text() > 0 then data[1] = flip(data:get_text()); end
end

function attacks.drop(_, data)
	return data and blocks % 5 == 0;
end

function attacks.swap(stanza, data)
	if not data then return false; end
	if not held then
		held = st.clone(stanza);
		return true;
	end
	forward(stanza);
	forward(held);
	held = nil;
	return true;
end

function attacks.replay(stanza)
	forward(stanza);
end

attacks["replay-old"] = function ()
	local old = recorded;
	recorded = {};
	for _, stanza in ipairs(old) do forward(stanza); end
end

function attacks.fingerprint(stanza)
	each(stanza, "fingerprint", function (element)
		element[1] = element:get_text():gsub("%x", function (digit) return ("%x"):format((tonumber(digit, 16) + 1) % 16); end);
		return element;
	end);
end

attacks["no-security"] = function (stanza)
	each(stanza, "security", function () return nil; end);
end

local function attack(event)
	local stanza = event.stanza;
	local data = stanza:get_child("data", "http://jabber.org/protocol/ibb");
	if data then blocks = blocks + 1; end
	local act = attacks[mode()];
	if not act then
		if #recorded < 400 and stanza.attr.type == "set" then table.insert(recorded, st.clone(stanza)); end
		return;
	end
	if said ~= mode() then
		said = mode();
		module:log("info", "Attacking: %s", said);
	end
	if act(stanza, data) then return true; end
end

module:hook("pre-iq/full", attack, 1000);
